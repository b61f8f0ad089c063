"""A TCP client with nothing but Python's sockets: does what it is told by its first argument, and prints what it saw as JSON.

    tcp_client.py both HOST PORT BYTES    sends so much, ends its direction, reads to the end
    tcp_client.py last HOST PORT BYTES    reads to the end first, then sends so much and ends
"""

import hashlib
import json
import random
import socket
import sys
import threading

# Far above what anything here takes on a slow machine.
TIMEOUT = 60


def main():
    what, host, port, size = sys.argv[1:]
    data = random.Random(int(port)).randbytes(int(size))
    seen = {"sent": hashlib.sha256(data).hexdigest(), "end": "clean", "bytes": 0, "received": ""}
    received = hashlib.sha256()
    with socket.create_connection((host, int(port)), timeout=TIMEOUT) as connection:
        if what == "both":
            threading.Thread(target=send, args=(connection, data, seen), daemon=True).start()
        try:
            while chunk := connection.recv(65536):
                received.update(chunk)
                seen["bytes"] += len(chunk)
            if what == "last":
                send(connection, data, seen)
        except ConnectionResetError:
            seen["end"] = "reset"
    seen["received"] = received.hexdigest()
    json.dump(seen, sys.stdout)


def send(connection, data, seen):
    try:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
    except ConnectionResetError:
        # The system tells this once, to whoever asks first; the reader would see an end.
        seen["end"] = "reset"
    except OSError:
        # The reader was told.
        pass


main()
