"""STORE and UID STORE (RFC 9051 §6.4.6), with UNCHANGEDSINCE (RFC 7162 §3.1.3)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from appliance.errors import Refused
from appliance.imap import columns, sets
from appliance.imap.conversation import Command, Conversation
from appliance.imap.grammar import BadSyntax, Parser
from appliance.imap.responses import No
from appliance.store.flags import SYSTEM_FLAGS
from appliance.threads import Steps

_LINES_AT_ONCE = 1000
LONGEST_KEYWORD = 100


@dataclass(frozen=True, slots=True)
class Flags:
    """Flags as the store wants them."""

    system: int
    keywords: tuple[bytes, ...]


def read_flags(names: Iterable[bytes]) -> Flags:
    """Sort flags into system flags and keywords; \\Recent cannot be set and is passed over."""
    system = 0
    keywords: dict[bytes, bytes] = {}
    for name in names:
        lower = name.lower()
        if lower in SYSTEM_FLAGS:
            system |= SYSTEM_FLAGS[lower]
        elif lower == b"\\recent":
            continue
        elif name.startswith(b"\\"):
            raise BadSyntax("There is no such system flag; a keyword has no backslash.")
        elif len(name) > LONGEST_KEYWORD:
            raise No(b"LIMIT", "That keyword is too long.")
        else:
            keywords.setdefault(lower, name)
    return Flags(system, tuple(keywords.values()))


def store(about: Conversation, command: Command) -> Steps[bytes]:
    """Answer STORE or UID STORE."""
    parser = command.parser
    parser.space()
    wanted = parser.sequence_set()
    parser.space()
    unchanged_since = _modifier(parser)
    action = parser.text[parser.at : parser.at + 1]
    sign = action if action in {b"+", b"-"} else b""
    parser.at += len(sign)
    parser.expect(b"FLAGS")
    is_silent = parser.skip(b".SILENT")
    parser.space()
    flags = read_flags(parser.flags())
    parser.end()
    about.require_writing()
    if unchanged_since is not None:
        about.enable_condstore()
    where = sets.positions(about.view, wanted, about.saved, by_uid=command.by_uid)
    modified = yield from _change(
        about, sets.chosen_uids(about.view, where), sign, flags, unchanged_since
    )
    about.hold(columns.new_keywords(about))
    if not is_silent or about.has_condstore:  # RFC 7162 §3.1.3: MODSEQ even when silent
        yield from _tell(about, command, _without(about, where, modified), is_silent=is_silent)
    return _completed(about, command, where, modified)


def _modifier(parser: Parser) -> int | None:
    """store-modifiers = "(" "UNCHANGEDSINCE" SP mod-sequence-valzer ")" SP"""
    if not parser.skip(b"("):
        return None
    if parser.word() != b"UNCHANGEDSINCE":
        raise BadSyntax("STORE knows the modifier UNCHANGEDSINCE.")
    parser.space()
    value = parser.number64()
    parser.expect(b")")
    parser.space()
    return value


def _change(
    about: Conversation, uids: list[int], sign: bytes, flags: Flags, unchanged_since: int | None
) -> Steps[list[int]]:
    """Have the store do it; return the UIDs that UNCHANGEDSINCE kept from being changed."""
    if not uids:
        return []
    adding, taking = sign != b"-", sign == b"-"
    try:
        return (
            yield from about.mailbox.store_flags(
                uids,
                add=flags.system if adding else 0,
                remove=flags.system if taking else 0,
                keywords_add=flags.keywords if adding else (),
                keywords_remove=flags.keywords if taking else (),
                replace=not sign,
                unchanged_since=unchanged_since,
                origin=about.view,
            )
        )
    except Refused as error:
        if type(error) is Refused and flags.keywords:
            raise No(b"LIMIT", str(error)) from None
        raise


def _without(about: Conversation, where: Sequence[int], uids: Sequence[int]) -> Sequence[int]:
    if not uids:
        return where
    left_out = {number - 1 for uid in uids if (number := about.view.sequence(uid)) is not None}
    return [position for position in where if position not in left_out]


def _tell(
    about: Conversation, command: Command, where: Sequence[int], *, is_silent: bool
) -> Steps[None]:
    """The FETCH responses of one's own STORE."""
    for start in range(0, len(where), _LINES_AT_ONCE):
        part = where[start : start + _LINES_AT_ONCE]
        if is_silent:
            these = columns.batch(about, part)
            cells = [
                columns.numbers(these),
                columns.uids(about, these),
                columns.modseqs(about, these),
            ]
            template = b"* %d FETCH (UID %d MODSEQ (%d))\r\n"
            yield from about.say(columns.render(template, cells, len(these.rows)))
        else:
            yield from about.say(columns.flag_lines(about, part, with_uid=command.by_uid))


def _completed(
    about: Conversation, command: Command, where: Sequence[int], modified: Sequence[int]
) -> bytes:
    if modified:
        numbers = (
            modified
            if command.by_uid
            else [number for uid in modified if (number := about.view.sequence(uid)) is not None]
        )
        return b"OK [MODIFIED %b] Some messages were changed by others" % sets.text(numbers)
    these = columns.batch(about, where)
    if len(these.rows) < len(where) and not command.by_uid:
        return b"NO [EXPUNGEISSUED] Some of these messages have been expunged"
    return b"OK STORE completed"
