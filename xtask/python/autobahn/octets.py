"""What Python 2 called a string, for code that was written for it.

In the translated suite a payload is a `str` whose characters are octets (U+0000 to U+00FF), as its source spells them.
The library below it speaks `bytes`. This is the border: nothing else converts between the two. Takes the place of
`binascii` and of the library's validator in the suite, so it has their names.
"""

import binascii

from autobahn.websocket import utf8validator


def to_wire(octets):
    """Bytes for the library; what is bytes already, or nothing at all, stays as it is."""
    return octets.encode("latin-1") if isinstance(octets, str) else octets


def from_wire(data):
    """A string of octets for the suite."""
    return data.decode("latin-1")


def b2a_hex(octets):
    return binascii.b2a_hex(to_wire(octets)).decode("ascii")


class Utf8Validator(utf8validator.Utf8Validator):
    def validate(self, octets):
        return super().validate(to_wire(octets))
