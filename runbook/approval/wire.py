"""SSH's wire encoding (RFC 4251 §5): strings behind their length, big-endian numbers, minimal mpints.

Pure. Reads strictly: nothing may be left over, and a number has one spelling only. Every fault is a
SignatureRefused; arbitrary bytes never cause another error.
"""

from runbook.errors import SignatureRefused


class Wire:
    """A cursor over bytes. `what` is the word for them in messages: "key" or "signature"."""

    def __init__(self, data: bytes, what: str) -> None:
        self._data = data
        self._at = 0
        self._what = what

    def refuse(self, words: str) -> SignatureRefused:
        """The error for bytes that are not what they should be."""
        return SignatureRefused(f"the {self._what} {words}", problem=f"{self._what}.form")

    def take(self, count: int) -> bytes:
        end = self._at + count
        if end > len(self._data):
            raise self.refuse("ends too early")
        taken = self._data[self._at : end]
        self._at = end
        return taken

    def byte(self) -> int:
        return self.take(1)[0]

    def number(self) -> int:
        """A uint32."""
        return int.from_bytes(self.take(4), "big")

    def string(self) -> bytes:
        return self.take(self.number())

    def name(self) -> str:
        """A string that must be printable ASCII: the name of a kind, curve, hash or namespace."""
        raw = self.string()
        if not all(0x20 < byte < 0x7F for byte in raw):
            raise self.refuse(f"holds a name that is not printable ASCII: {raw[:40]!r}")
        return raw.decode("ascii")

    def positive(self) -> int:
        """An mpint above zero, in its one minimal spelling."""
        raw = self.string()
        if not raw or raw[0] & 0x80 or raw == b"\0":
            raise self.refuse("holds a number that is not above zero")
        if raw[0] == 0 and not raw[1] & 0x80:
            raise self.refuse("holds a number with leading zeros")
        return int.from_bytes(raw, "big")

    def end(self) -> None:
        """Nothing may follow: a byte that nobody reads is a byte that anybody may change."""
        if self._at != len(self._data):
            raise self.refuse(f"has {len(self._data) - self._at} extra bytes at its end")


def string(data: bytes) -> bytes:
    """Bytes behind their length, the way they are written."""
    return len(data).to_bytes(4, "big") + data
