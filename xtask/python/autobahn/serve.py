"""Runs cases of the translated Autobahn test suite against one client: `serve.py SUITE PLAN SUMMARY`.

PLAN is a JSON file: `cases`, each an id or a pattern such as `1.*`. Says where it listens, and which cases there are, in one
line of JSON on stdout; the client asks for them in turn, at `/runCase?case=N&agent=page`, counted from 1. Writes SUMMARY and
ends once the last has been run.
"""

import json
import sys
from pathlib import Path

from twisted.internet import reactor

# The suite is not installed, it lies where port.py has put it.
sys.path.insert(0, sys.argv[1])
from autobahntestsuite import fuzzing  # noqa: E402
from peer import Octets, Results  # noqa: E402


class Server(Octets, fuzzing.FuzzingServerProtocol):
    """One connection from the client."""


class Fuzzer(Results, fuzzing.FuzzingServerFactory):
    """Counts the cases, and stops the reactor behind the last."""

    protocol = Server

    def __init__(self, plan, summary):
        self.keep(summary)
        super().__init__({"url": "ws://127.0.0.1:1", "cases": plan["cases"]})

    def logCase(self, result):
        super().logCase(result)
        if len(self.results) == len(self.specCases):
            self.createReports()
            reactor.callLater(0, reactor.stop)


def main(plan, summary):
    fuzzer = Fuzzer(plan, summary)
    port = reactor.listenTCP(0, fuzzer, interface="127.0.0.1").getHost().port
    # It takes no handshake for another port than it knows of.
    fuzzer.setSessionParameters(url=f"ws://127.0.0.1:{port}")
    print(json.dumps({"port": port, "cases": fuzzer.specCases}), flush=True)
    reactor.run()


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[2]).read_text()), Path(sys.argv[3]))
