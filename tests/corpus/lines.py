"""Puts messages together from lines; CRLF everywhere."""

PLAIN_HEADER = {
    "from": "From: Anna Adler <anna@office.test>",
    "to": "To: Ben Berger <ben@office.test>",
    "subject": "Subject: A message",
    "date": "Date: Sun, 22 Nov 2026 10:00:00 +0100",
    "message-id": "Message-ID: <one@office.test>",
}


def octets(line: str | bytes) -> bytes:
    """Text lines are UTF-8, bytes are themselves."""
    return line.encode() if isinstance(line, str) else line


def header(fields: list[str | bytes] | list[str] | list[bytes]) -> bytes:
    return b"".join(octets(line) + b"\r\n" for line in fields)


def mail(fields: list[str | bytes] | list[str] | list[bytes], body: bytes) -> bytes:
    """A message with the usual five fields, each replaced where `fields` has its own."""
    given = {octets(line).partition(b":")[0].strip().lower() for line in fields}
    usual = [line for name, line in PLAIN_HEADER.items() if name.encode() not in given]
    return header(usual) + header(fields) + b"\r\n" + body


def multipart(boundary: str, *parts: bytes, kind: str = "mixed", end: bool = True) -> bytes:
    """An entity of its own: Content-Type, blank line, parts, end."""
    return (
        header([f'Content-Type: multipart/{kind}; boundary="{boundary}"'])
        + b"\r\n"
        + multipart_body(boundary, *parts, end=end)
    )


def multipart_body(boundary: str, *parts: bytes, end: bool = True) -> bytes:
    mark = b"--" + boundary.encode()
    inner = b"".join(mark + b"\r\n" + part + b"\r\n" for part in parts)
    return inner + (mark + b"--\r\n" if end else b"")


def part(fields: list[str], body: bytes) -> bytes:
    return header(fields) + b"\r\n" + body
