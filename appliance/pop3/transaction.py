"""The commands of the TRANSACTION state (RFC 1939 §5 and §7).

Each takes the maildrop and what stands behind the verb. QUIT is the session's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from appliance.errors import PillarboxError, Refused
from appliance.net.session import Close
from appliance.pop3.maildrop import Maildrop
from appliance.pop3.replies import Stuffing, Top, chunks, ok, slices
from appliance.threads import Pause, Steps

Command = Callable[[Maildrop, bytes], Steps[None]]
_MOST_DIGITS = 9


def stat(drop: Maildrop, argument: bytes) -> Steps[None]:
    """RFC 1939 §5: how many messages, how many octets."""
    _nothing(argument)
    yield ok(f"{drop.count} {drop.octets}")


def list_(drop: Maildrop, argument: bytes) -> Steps[None]:
    """RFC 1939 §5: the size of one message or of all."""
    if argument:
        number = _message(drop, argument)
        yield ok(f"{number} {drop.sizes[number - 1]}")
        return
    sizes = drop.sizes
    lines = (b"%d %d\r\n" % (number, sizes[number - 1]) for number in drop.numbers())
    yield from _listing(ok(f"{drop.count} messages ({drop.octets} octets)"), lines)


def uidl(drop: Maildrop, argument: bytes) -> Steps[None]:
    """RFC 1939 §7: the unique id of one message or of all."""
    if argument:
        number = _message(drop, argument)
        yield b"+OK %d %b\r\n" % (number, drop.unique_id(number))
        return
    lines = (b"%d %b\r\n" % (number, drop.unique_id(number)) for number in drop.numbers())
    yield from _listing(ok(), lines)


def retr(drop: Maildrop, argument: bytes) -> Steps[None]:
    """RFC 1939 §5: the whole message."""
    number = _message(drop, argument)
    piece = yield from drop.piece(number, 0)
    yield from _send(drop, number, piece, None, ok(f"{drop.sizes[number - 1]} octets"))
    drop.retrieved(number)


def top(drop: Maildrop, argument: bytes) -> Steps[None]:
    """RFC 1939 §7: the header and some lines of the body."""
    words = argument.split()
    if len(words) != 2:
        raise Refused("TOP takes a message number and a number of lines.")
    number = _message(drop, words[0])
    lines = _number(words[1])
    piece = yield from drop.piece(number, 0)
    yield from _send(drop, number, piece, Top(lines), ok())


def dele(drop: Maildrop, argument: bytes) -> Steps[None]:
    """RFC 1939 §5: mark only; QUIT is what removes."""
    number = _message(drop, argument)
    drop.mark(number)
    yield ok(f"message {number} deleted")


def noop(_drop: Maildrop, argument: bytes) -> Steps[None]:
    """RFC 1939 §5."""
    _nothing(argument)
    yield ok()


def rset(drop: Maildrop, argument: bytes) -> Steps[None]:
    """RFC 1939 §5: nothing is marked any more."""
    _nothing(argument)
    drop.unmark()
    yield ok(f"{drop.count} messages ({drop.octets} octets)")


COMMANDS: Mapping[bytes, Command] = MappingProxyType(
    {
        b"STAT": stat,
        b"LIST": list_,
        b"RETR": retr,
        b"DELE": dele,
        b"NOOP": noop,
        b"RSET": rset,
        b"TOP": top,
        b"UIDL": uidl,
    }
)


def _nothing(argument: bytes) -> None:
    if argument.strip():
        raise Refused("That command takes no argument.")


def _number(word: bytes) -> int:
    if not word.isdigit() or len(word) > _MOST_DIGITS:
        raise Refused("That is not a number.")
    return int(word)


def _message(drop: Maildrop, argument: bytes) -> int:
    number = _number(argument.strip())
    if not drop.has(number):
        raise Refused("no such message")
    return number


def _listing(first: bytes, lines: Iterable[bytes]) -> Steps[None]:
    """A multi-line answer from memory; others are served between two chunks."""
    is_first = True
    for chunk in chunks(_ended(first, lines)):
        if not is_first:
            yield Pause(0)
        is_first = False
        yield chunk


def _ended(first: bytes, lines: Iterable[bytes]) -> Iterable[bytes]:
    yield first
    yield from lines
    yield b".\r\n"


def _send(drop: Maildrop, number: int, piece: bytes, cut: Top | None, first: bytes) -> Steps[None]:
    """Send a message whose first piece is there. After +OK only closing can say "no"."""
    stuffing = Stuffing()
    start = 0
    said = first
    while piece:
        start += len(piece)
        said += stuffing.take(cut.take(piece) if cut else piece)
        try:
            following = b"" if cut and cut.is_done else (yield from drop.piece(number, start))
        except PillarboxError:
            yield from slices(said)
            yield Close()
            return
        if following:
            yield from slices(said)
            said = b""
        piece = following
    yield from slices(said + stuffing.end())
