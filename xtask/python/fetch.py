"""Python's `requests` as a visitor: does what it is told as JSON on stdin, and prints what it saw as JSON. It connects to the
address that it is told, whatever the URL's host is, since names below `localhost` resolve in few programs."""

import hashlib
import json
import platform
import sys
import warnings

import requests

BLOCK = 65536
TIMEOUT = 120
TEMPLATE = bytearray(((i * 2654435761 & 0xFFFFFFFF) >> 24) ^ (i & 0xFF) for i in range(BLOCK))


def blocks(size):
    for at in range(0, size, BLOCK):
        TEMPLATE[0:4] = (at // BLOCK).to_bytes(4, "big")
        yield bytes(TEMPLATE[: min(BLOCK, size - at)])


def main():
    order = json.load(sys.stdin)
    seen = {"version": f"Python {platform.python_version()} requests {requests.__version__}"}
    headers = {"Host": order["host"]}
    # A development certificate is nobody's; said with each request, or the environment would have the last word.
    how = {"headers": headers, "stream": True, "timeout": TIMEOUT, "verify": False}
    warnings.simplefilter("ignore")
    try:
        size = order.get("bytes")
        if size is None:
            answer = requests.get(order["address"], **how)
        else:
            answer = requests.post(order["address"], data=blocks(size), **how)
        seen["status"] = answer.status_code
        digest, length, text = hashlib.sha256(), 0, b""
        for chunk in answer.iter_content(BLOCK):
            if not length and order.get("mark"):
                print("begun", file=sys.stderr, flush=True)
            digest.update(chunk)
            length += len(chunk)
            text = (text + chunk)[:1024]
            if order.get("leave"):
                answer.close()
                break
        seen |= {"bytes": length, "sha256": digest.hexdigest(), "text": text.decode("latin-1")}
    except requests.exceptions.RequestException as error:
        seen["failed"] = type(error).__name__
    print(json.dumps(seen))


main()
