"""Translates the Autobahn test suite from Python 2, in the form in which PyPI has it: `port.py SDIST TARGET`.

Takes what the fuzzing client needs for the groups that are run and leaves the rest: other servers, reports, TLS, and
the groups about compression (12 and 13), which this project does not offer. No case is changed in what it sends or
expects.

A rule says how often it applies. A suite in which one applies more or less often is not the suite these rules were
written for, and is refused.
"""

import re
import shutil
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "autobahntestsuite"


@dataclass
class Rule:
    """Replaces a pattern in the files that `where` matches, exactly `times` times over all of them."""

    where: str
    pattern: str
    replacement: str
    times: int
    applied: int = 0

    def apply(self, path, text):
        if not re.fullmatch(self.where, path):
            return text
        text, count = re.subn(self.pattern, self.replacement, text, flags=re.MULTILINE)
        self.applied += count
        return text


CASES = r"case/\w+\.py"
ANY = r".*"

# Groups 12 and 13, and an unfinished case that the suite itself does not run.
LEFT_OUT = r"case/case(12_x_x|9_9_1)\.py"
KEPT = rf"(?!{LEFT_OUT})(case/\w+|fuzzing|caseset|_version)\.py"

RULES = [
    # The language.
    Rule(ANY, r"^([ \t]*)print(?: (.*))?$", r"\1print(\2)", 28),
    Rule(ANY, r"([\w.\[\]]+)\.has_key\(([^()]+)\)", r"(\2 in \1)", 14),
    Rule(ANY, r"\bxrange\(", "range(", 11),
    Rule(ANY, r"\(object, *Case, *\)", "(Case, )", 4),
    Rule(r"case/case10_1_1\.py", r"len\(self\.payload\) / ", "len(self.payload) // ", 1),
    # Imports were relative without saying so.
    Rule(r"fuzzing\.py", r"^from (case|caseset) import", r"from .\1 import", 2),
    Rule(CASES, r"^from (case\w*) import", r"from .\1 import", 284),
    # Octets.
    Rule(CASES, r"^import binascii$", "import octets as binascii", 13),
    Rule(CASES, r"^from autobahn\.websocket\.utf8validator import", "from octets import", 1),
    Rule(r"fuzzing\.py", r"^import os, json, binascii,.*$", "import os, json, time\nimport octets as binascii", 1),
    # Left out.
    Rule(r"case/__init__\.py", r"^from \.case(12_x_x|9_9_1) import \*$", "", 2),
    Rule(r"case/__init__\.py", r"^(Cases|CaseSubCategories)\.(extend|update)\(Case1[23]_X_X.*$", "", 4),
    Rule(r"fuzzing\.py", r"^from report import (.*\\\n)*.*$", "", 1),
    Rule(r"fuzzing\.py", r"^from twisted\.internet import reactor, ssl$", "from twisted.internet import reactor", 1),
    Rule(r"fuzzing\.py", r"\bssl\.ClientContextFactory\(\)", "None", 1),
]


def main(sdist, target):
    # Written under another name, so that a translation that was interrupted is not taken for one that is whole.
    unfinished = target.with_name(target.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    for path, source in sources(sdist):
        file = unfinished / PACKAGE / path
        file.parent.mkdir(parents=True, exist_ok=True)
        text = translated(path, source)
        compile(text, str(file), "exec")
        file.write_text(text, encoding="utf-8")
    (unfinished / PACKAGE / "__init__.py").write_text("from ._version import __version__\n\nversion = __version__\n")
    wrong = [rule for rule in RULES if rule.applied != rule.times]
    for rule in wrong:
        print(f"{rule.pattern}: applied {rule.applied} times, not {rule.times}", file=sys.stderr)
    if wrong:
        sys.exit("this is not the suite that the rules were written for")
    shutil.rmtree(target, ignore_errors=True)
    unfinished.rename(target)


def sources(sdist):
    """Pairs of a path inside the package and its bytes."""
    with tarfile.open(sdist) as archive:
        for member in archive:
            _, _, path = member.name.partition(f"/{PACKAGE}/")
            if member.isfile() and re.fullmatch(KEPT, path):
                yield path, archive.extractfile(member).read()


def translated(path, source):
    # An octet of the source becomes the character of that number: what was a string of octets still is one.
    text = source.decode("latin-1").replace("\r\n", "\n")
    for rule in RULES:
        text = rule.apply(path, text)
    return text


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
