"""A strict reader of ENVELOPE, BODY and BODYSTRUCTURE, written from the ABNF of RFC 9051 §9.

Knows nothing of the code it judges. Returns nested tuples, so that tests can look inside.
Stricter than the grammar in one thing: no 8-bit octet in a quoted string (RFC 3501 §9).
"""

from collections.abc import Callable
from typing import Any


class NotInGrammar(Exception):
    pass


class Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    def fail(self, wanted: str) -> NotInGrammar:
        near = self.data[max(0, self.position - 40) : self.position + 40]
        return NotInGrammar(f"{wanted} expected at {self.position}, near {near!r}")

    def peek(self, size: int = 1) -> bytes:
        return self.data[self.position : self.position + size]

    def expect(self, token: bytes) -> None:
        if self.peek(len(token)) != token:
            raise self.fail(repr(token))
        self.position += len(token)

    def nil(self) -> bool:
        if self.peek(3).upper() == b"NIL":
            self.position += 3
            return True
        return False

    def number(self) -> int:
        start = self.position
        while self.peek().isdigit():
            self.position += 1
        if start == self.position:
            raise self.fail("number")
        return int(self.data[start : self.position])

    def string(self) -> bytes:
        if self.peek() == b'"':
            return self.quoted()
        if self.peek() == b"{":
            return self.literal()
        raise self.fail("string")

    def quoted(self) -> bytes:
        self.expect(b'"')
        out = bytearray()
        while (char := self.peek()) != b'"':
            if char == b"\\":
                self.position += 1
                char = self.peek()
                if char not in (b'"', b"\\"):
                    raise self.fail("quoted-special")
            elif char == b"" or char in b"\r\n\x00" or char[0] > 0x7F:
                raise self.fail("TEXT-CHAR")
            out += char
            self.position += 1
        self.position += 1
        return bytes(out)

    def literal(self) -> bytes:
        self.expect(b"{")
        size = self.number()
        self.expect(b"}\r\n")
        value = self.peek(size)
        if len(value) != size or b"\x00" in value:
            raise self.fail("CHAR8")
        self.position += size
        return value

    def nstring(self) -> bytes | None:
        return None if self.nil() else self.string()

    def listed(self, item: Callable[[], Any], separator: bytes) -> tuple[Any, ...]:
        """A parenthesized list of one or more."""
        self.expect(b"(")
        items = [item()]
        while self.peek() != b")":
            self.expect(separator)
            items.append(item())
        self.position += 1
        return tuple(items)

    # envelope

    def envelope(self) -> tuple[Any, ...]:
        self.expect(b"(")
        fields: list[Any] = [self.nstring()]
        self.expect(b" ")
        fields.append(self.nstring())
        for _ in range(6):
            self.expect(b" ")
            fields.append(None if self.nil() else self.listed(self.address, b""))
        for _ in range(2):
            self.expect(b" ")
            fields.append(self.nstring())
        self.expect(b")")
        return tuple(fields)

    def address(self) -> tuple[bytes | None, ...]:
        self.expect(b"(")
        values = [self.nstring()]
        for _ in range(3):
            self.expect(b" ")
            values.append(self.nstring())
        self.expect(b")")
        name, route, mailbox, host = values
        if host is None and (name is not None or route is not None):
            raise self.fail("a group has neither name nor route")
        if mailbox is None and host is not None:
            raise self.fail("a mailbox")
        return tuple(values)

    # body

    def body(self, *, extended: bool) -> tuple[Any, ...]:
        self.expect(b"(")
        value = (
            self.multipart(extended=extended)
            if self.peek() == b"("
            else self.one_part(extended=extended)
        )
        self.expect(b")")
        return value

    def multipart(self, *, extended: bool) -> tuple[Any, ...]:
        parts = []
        while self.peek() == b"(":
            parts.append(self.body(extended=extended))
        self.expect(b" ")
        subtype = self.string()
        if not extended:
            return (b"multipart", subtype, tuple(parts))
        self.expect(b" ")
        return (b"multipart", subtype, tuple(parts), self.parameters(), *self.extension())

    def one_part(self, *, extended: bool) -> tuple[Any, ...]:
        main = self.string()
        self.expect(b" ")
        sub = self.string()
        self.expect(b" ")
        fields: list[Any] = [main, sub, self.parameters()]
        for read in (self.nstring, self.nstring, self.string, self.number):
            self.expect(b" ")
            fields.append(read())
        kind = (main.upper(), sub.upper())
        if kind in ((b"MESSAGE", b"RFC822"), (b"MESSAGE", b"GLOBAL")):
            self.expect(b" ")
            fields.append(self.envelope())
            self.expect(b" ")
            fields.append(self.body(extended=extended))
        if kind[0] == b"TEXT" or kind in ((b"MESSAGE", b"RFC822"), (b"MESSAGE", b"GLOBAL")):
            self.expect(b" ")
            fields.append(self.number())
        if kind[0] == b"MULTIPART":
            raise self.fail("a multipart with parts")
        if extended:
            self.expect(b" ")
            fields.append(self.nstring())
            fields += self.extension()
        return tuple(fields)

    def parameters(self) -> tuple[Any, ...] | None:
        return None if self.nil() else self.listed(self.parameter, b" ")

    def parameter(self) -> tuple[bytes, bytes]:
        name = self.string()
        self.expect(b" ")
        return name, self.string()

    def extension(self) -> tuple[Any, ...]:
        self.expect(b" ")
        disposition = None if self.nil() else self.disposition()
        self.expect(b" ")
        language: Any = self.listed(self.string, b" ") if self.peek() == b"(" else self.nstring()
        self.expect(b" ")
        return disposition, language, self.nstring()

    def disposition(self) -> tuple[Any, ...]:
        self.expect(b"(")
        kind = self.string()
        self.expect(b" ")
        found = self.parameters()
        self.expect(b")")
        return kind, found


def _whole(reader: Reader, value: tuple[Any, ...]) -> tuple[Any, ...]:
    if reader.position != len(reader.data):
        raise reader.fail("the end")
    return value


def read_envelope(data: bytes) -> tuple[Any, ...]:
    reader = Reader(data)
    return _whole(reader, reader.envelope())


def read_body(data: bytes, *, extended: bool) -> tuple[Any, ...]:
    reader = Reader(data)
    return _whole(reader, reader.body(extended=extended))
