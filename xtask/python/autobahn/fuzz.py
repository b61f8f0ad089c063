"""Runs cases of the translated Autobahn test suite against one server: `fuzz.py SUITE PLAN SUMMARY`.

PLAN is a JSON file: `url` of the server, `dial` (host and port) where that is not what the URL names, and `cases`, each
an id or a pattern such as `1.*`. SUMMARY is what became of each case, again JSON.
"""

import json
import sys
from pathlib import Path

from twisted.internet import reactor

# The suite is not installed, it lies where port.py has put it.
sys.path.insert(0, sys.argv[1])
from autobahntestsuite import fuzzing  # noqa: E402
from peer import Octets, Results  # noqa: E402

# How the suite names what a run is about; it could run against several at once.
AGENT = "page"


class Visitor(Octets, fuzzing.FuzzingClientProtocol):
    """One connection to the server."""


class Fuzzer(Results, fuzzing.FuzzingClientFactory):
    """Goes through the cases, each on a connection of its own, and stops the reactor behind the last."""

    def __init__(self, plan, summary):
        self.keep(summary)
        super().__init__({"servers": [{"agent": AGENT, "url": plan["url"]}], "cases": plan["cases"]})


def main(plan, summary):
    def connect(factory, contextFactory=None):
        host, port = plan.get("dial") or [factory.host, factory.port]
        return reactor.connectTCP(host, port, factory)

    fuzzing.FuzzingClientProtocol = Visitor
    fuzzing.connectWS = connect
    Fuzzer(plan, summary)
    reactor.run()


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[2]).read_text()), Path(sys.argv[3]))
