"""websockify's own client, unchanged, through a dialect of the gateway: what goes to an echo server comes back.

usage: websockify_client.py URL BYTES (origin ORIGIN | bearer TOKEN) [PATH]

The class has no argument for fields of the request, nor sends a query: both are added where it writes its head. One line of JSON says what was seen.
"""

import hashlib
import json
import os
import sys

from websockify.websocket import WebSocket, WebSocketWantReadError

MESSAGES = [1, 125, 126, 4096, 65535, 65536, 200_000]


class Client(WebSocket):
    fields = []
    path = None

    def send_request(self, type, path):
        super().send_request(type, self.path or path)

    def end_headers(self):
        for name, value in self.fields:
            self.send_header(name, value)
        super().end_headers()


def hear(client):
    """The next message; the class says so when a frame is not whole yet."""
    while True:
        try:
            return client.recvmsg()
        except WebSocketWantReadError:
            pass


def main(url, length, how, who, path=None):
    # What has neither field nor query of its own is the class as it is.
    plain = how == "origin" and path is None
    client = WebSocket() if plain else Client()
    if not plain:
        client.path = path
        client.fields = [("Authorization", "Bearer " + who)] if how == "bearer" else []
    try:
        client.connect(url, origin=who if how == "origin" else None, protocols=["binary"])
    except Exception as error:
        return {"refused": str(error)}
    sent, heard, turn = hashlib.sha256(), hashlib.sha256(), 0
    left = int(length)
    while left:
        message = os.urandom(min(left, MESSAGES[turn % len(MESSAGES)]))
        turn += 1
        left -= len(message)
        client.sendmsg(message)
        sent.update(message)
        back = 0
        while back < len(message):
            piece = hear(client)
            if piece is None:
                raise SystemExit("closed too early")
            heard.update(piece)
            back += len(piece)
    client.ping(b"there?")
    client.shutdown(2, 1000, "done")
    if hear(client) is not None:
        raise SystemExit("more than was sent")
    return {
        "protocol": client.protocol,
        "messages": turn,
        "sha256": sent.hexdigest(),
        "equal": sent.digest() == heard.digest(),
        "closed": client.close_code,
    }


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
