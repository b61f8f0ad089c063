"""An ordinary WebSocket client of another make: follows the plan that it is given as JSON on stdin, one message after the
other's answer, and prints what it saw as JSON. It connects to the address that it is told, whatever the URL's host is, since
names below `localhost` resolve in few programs."""

import hashlib
import json
import platform
import random
import socket
import sys

import websockets
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

CHARACTERS = "eß€🚀" + "abcdefghijklmnopqrstuvwxyz"
# Far above what the largest message takes on a slow machine.
TIMEOUT = 60


def main():
    order = json.load(sys.stdin)
    seen = {
        "version": f"Python {platform.python_version()} websockets {websockets.__version__}",
        "opened": False,
        "protocol": "",
        "sent": [],
        "received": [],
        "close": {"code": 0, "clean": False},
    }
    try:
        visit(order, seen)
    except InvalidStatus as refused:
        response = refused.response
        seen["refused"] = {"status": response.status_code, "body": (response.body or b"").decode()}
    json.dump(seen, sys.stdout)


def visit(order, seen):
    address = socket.create_connection((order["host"], order["port"]), timeout=TIMEOUT)
    with connect(
        order["url"],
        sock=address,
        origin=order["origin"],
        subprotocols=order["protocols"],
        additional_headers=order["headers"],
        max_size=None,
        proxy=None,
        open_timeout=TIMEOUT,
        close_timeout=TIMEOUT,
    ) as client:
        seen["opened"] = True
        seen["protocol"] = client.subprotocol or ""
        seen["extensions"] = [type(extension).__name__ for extension in client.protocol.extensions]
        chance = random.Random(order["seed"])
        try:
            for form, size in order["plan"]:
                message = chance.randbytes(size) if form == "binary" else text(chance, size)
                seen["sent"].append(look(message))
                client.send(message)
                seen["received"].append(look(client.recv(timeout=TIMEOUT)))
        except ConnectionClosed:
            pass
        client.close(1000)
        clean = client.protocol.close_rcvd is not None and client.protocol.close_sent is not None
        seen["close"] = {"code": client.protocol.close_code, "clean": clean}


def look(message):
    is_text = isinstance(message, str)
    data = message.encode() if is_text else message
    digest = hashlib.sha256(data).hexdigest()
    return {"form": "text" if is_text else "binary", "bytes": len(data), "sha256": digest}


def text(chance, size):
    """Exactly `size` bytes of UTF-8, of characters of one to four."""
    some = "".join(chance.choices(CHARACTERS, k=size // 4))
    return some + "x" * (size - len(some.encode()))


main()
