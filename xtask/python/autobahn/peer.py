"""What both roles of the fuzzer share: a peer whose cases speak octets, and a list of what became of each case.

Passes no judgement: what a case expects is the suite's business, and which outcomes will do is the business of whoever
reads the summary. The suite has to be on the path before this is imported.
"""

import json
import platform

import autobahn
import twisted
from autobahntestsuite import version
from octets import from_wire, to_wire
from twisted.python import log


class Octets:
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


class Results:
    """What a factory keeps of each case; `specCases` is the suite's name for what was planned."""

    def keep(self, summary):
        self.summary = summary
        self.results = []
        self.errors = []
        log.addObserver(self.note_error)

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
