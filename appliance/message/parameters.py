"""Structured field values: comments, `type/subtype; name=value`, RFC 2231 names.

Every reader here goes forward only and is linear; values are cut at 64 KiB.
"""

import re

_LONGEST = 1 << 16
_MOST = 256
_COMMENT_PIECE = re.compile(rb"[^()\\]++|\\.?|[()]", re.DOTALL)
_OUTSIDE_COMMENT = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[^("]++', re.DOTALL)
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_PARAMETER = re.compile(
    rb'[\s;]*+([^\s=;"]++)\s*+=\s*+(?:"((?:[^"\\]|\\.)*+)"?|([^;"]*+))', re.DOTALL
)
_SKIPPED = re.compile(rb"[\s;]*+[^;]*+")
_SECTION = re.compile(rb"([^*]+)(?:\*(\d{1,3}))?(\*)?")
_NOT_ATTRIBUTE_CHAR = re.compile(rb"[^A-Za-z0-9!#$&+.^_`{|}~-]")


def unquoted(text: bytes) -> bytes:
    """Undo the backslashes of a quoted string or comment."""
    return _ESCAPED.sub(rb"\1", text) if b"\\" in text else text


def comment_end(value: bytes, start: int) -> int:
    """Return the offset behind the comment that opens at `start` (comments nest)."""
    depth, position = 0, start
    while match := _COMMENT_PIECE.match(value, position):
        position = match.end()
        if match[0] == b"(":
            depth += 1
        elif match[0] == b")":
            depth -= 1
            if depth == 0:
                break
    return position


def without_comments(value: bytes, *, in_words: bool = False) -> bytes:
    """Drop comments. One that directly follows a word stays, unless words cannot hold any:
    `name=plan(2).pdf` is common.
    """
    pieces: list[bytes] = []
    position = 0
    while position < len(value):
        if match := _OUTSIDE_COMMENT.match(value, position):
            pieces.append(match[0])
            position = match.end()
            continue
        end = comment_end(value, position)
        if not in_words and position and value[position - 1] not in b" \t;":
            pieces.append(value[position:end])
        position = end
    return b"".join(pieces)


def parameters(value: bytes) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """Split an unfolded value into its lower-case head and its parameters.

    Names are lower-case. Continuations are put together as RFC 2231 §6 asks of IMAP servers:
    `name*0` and `name*1` give `name`; if one part is percent-encoded the result is `name*`,
    still encoded.
    """
    value = value[:_LONGEST]
    if b"(" in value:
        value = without_comments(value)
    head, _, rest = value.partition(b";")
    found: list[tuple[bytes, bytes]] = []
    position = 0
    while position < len(rest) and len(found) < _MOST:
        if match := _PARAMETER.match(rest, position):
            name, quoted, bare = match.groups()
            given = unquoted(quoted) if quoted is not None else bare.rstrip()
            found.append((name.lower(), given))
        else:
            match = _SKIPPED.match(rest, position)
        position = match.end() if match and match.end() > position else position + 1
    if any(b"*" in name for name, _ in found):
        found = _joined(found)
    return head.strip().lower(), found


def _joined(found: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Put continuations together, in the place of their first part."""
    sections: dict[bytes, dict[int, tuple[bytes, bool]]] = {}
    order: list[tuple[bytes, bytes | None]] = []
    for name, value in found:
        match = _SECTION.fullmatch(name)
        if match is None or match[2] is None:
            order.append((name, value))
            continue
        base = match[1]
        if base not in sections:
            sections[base] = {}
            order.append((base, None))
        sections[base].setdefault(int(match[2]), (value, match[3] is not None))
    result: list[tuple[bytes, bytes]] = []
    for name, whole in order:
        result.append((name, whole) if whole is not None else _continued(name, sections[name]))
    return result


def _continued(name: bytes, parts: dict[int, tuple[bytes, bool]]) -> tuple[bytes, bytes]:
    """One parameter from its numbered parts; a gap in the numbers is bridged."""
    in_order = [parts[number] for number in sorted(parts)]
    if not any(encoded for _, encoded in in_order):
        return name, b"".join(value for value, _ in in_order)
    pieces = [value if encoded else _percent(value) for value, encoded in in_order]
    if not in_order[0][1]:
        pieces[0] = b"''" + pieces[0]
    return name + b"*", b"".join(pieces)


def _percent(value: bytes) -> bytes:
    return _NOT_ATTRIBUTE_CHAR.sub(lambda match: b"%%%02X" % match[0][0], value)
