"""Runs cases of the translated Autobahn test suite against one server: `fuzz.py SUITE PLAN SUMMARY`.

PLAN is a JSON file: `url` of the server, `dial` (host and port) where that is not what the URL names, and `cases`, each
an id or a pattern such as `1.*`. SUMMARY is what became of each case, again JSON. Passes no judgement of its own: what
a case expects is the suite's business, and which outcomes will do is the business of whoever reads the summary.
"""

import json
import platform
import sys
from pathlib import Path

import autobahn
import twisted
from octets import from_wire, to_wire
from twisted.internet import reactor
from twisted.python import log

# The suite is not installed, it lies where port.py has put it.
sys.path.insert(0, sys.argv[1])
from autobahntestsuite import fuzzing, version  # noqa: E402

# How the suite names what a run is about; it could run against several at once.
AGENT = "page"


class Visitor(fuzzing.FuzzingClientProtocol):
    """One connection. Cases speak octets to it, the library bytes."""

    def sendFrame(self, opcode, payload="", *args, payload_len=None, **options):
        payload = to_wire(payload)
        if payload_len is not None:
            # The library would divide with a remainder of Python 2.
            payload = (payload * (payload_len // len(payload) + 1))[:payload_len]
        super().sendFrame(opcode, payload, *args, **options)

    def sendMessage(self, payload, *args, **options):
        super().sendMessage(to_wire(payload), *args, **options)

    def sendMessageFrameData(self, payload, *args, **options):
        return super().sendMessageFrameData(to_wire(payload), *args, **options)

    def sendCloseFrame(self, code=None, reasonUtf8=None, isReply=False):
        super().sendCloseFrame(code, to_wire(reasonUtf8), isReply)

    def onMessage(self, payload, isBinary):
        super().onMessage(from_wire(payload), isBinary)

    def onPing(self, payload):
        super().onPing(from_wire(payload))

    def onPong(self, payload):
        super().onPong(from_wire(payload))

    def logRxFrame(self, header, parts):
        super().logRxFrame(header, [from_wire(part) for part in parts])

    def logTxFrame(self, header, payload, *how):
        super().logTxFrame(header, from_wire(payload), *how)


class Fuzzer(fuzzing.FuzzingClientFactory):
    """Goes through the cases, each on a connection of its own, and stops the reactor behind the last."""

    def __init__(self, plan, summary):
        self.plan = plan
        self.summary = summary
        self.results = []
        self.errors = []
        log.addObserver(self.note_error)
        super().__init__({"servers": [{"agent": AGENT, "url": plan["url"]}], "cases": plan["cases"]})

    def note_error(self, event):
        # Whatever is raised in a case or in the library ends up here, and nowhere else.
        if event["isError"]:
            self.errors.append(log.textFromEventDict(event))

    def logCase(self, result):
        self.results.append({
            "id": result["id"],
            "behavior": result["behavior"],
            "behaviorClose": result["behaviorClose"],
            "result": result["result"],
            "resultClose": result["resultClose"],
            "received": result["received"],
            "remoteCloseCode": result["remoteCloseCode"],
            "ms": result["duration"],
        })

    def createReports(self):
        versions = {
            "autobahntestsuite": version,
            "autobahn": autobahn.version,
            "twisted": twisted.__version__,
            "python": platform.python_version(),
        }
        summary = {"versions": versions, "planned": self.specCases, "results": self.results, "errors": self.errors}
        self.summary.write_text(json.dumps(summary, indent=1))


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
