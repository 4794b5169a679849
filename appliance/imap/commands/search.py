"""SEARCH and UID SEARCH and their answers (RFC 9051 §6.4.4, RFC 4731, RFC 5182, RFC 7162)."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from appliance.errors import PeerError, PillarboxError
from appliance.imap import columns, sets
from appliance.imap.conversation import Command, Conversation
from appliance.imap.grammar import BadSyntax, Parser
from appliance.imap.search_keys import KeyReader, charset
from appliance.imap.search_run import Search, uids_at
from appliance.message.wire import string
from appliance.threads import Steps

_RETURNS = frozenset({b"MIN", b"MAX", b"ALL", b"COUNT", b"SAVE"})
_NUMBERS_AT_ONCE = 4000


@dataclass(frozen=True, slots=True)
class _Found:
    """A result: positions, what was asked of them, and their MODSEQ if that was asked."""

    positions: Sequence[int]
    returns: frozenset[bytes] | None
    modseq: int | None


def search(about: Conversation, command: Command) -> Steps[bytes]:
    """Answer SEARCH or UID SEARCH."""
    parser = command.parser
    parser.space()
    returns: frozenset[bytes] | None = frozenset({b"ALL"}) if about.is_rev2 else None
    if parser.skip(b"RETURN "):
        returns = _returns(parser)
        parser.space()
    saves = returns is not None and b"SAVE" in returns
    try:
        codec = charset(parser, is_utf8=about.is_utf8)
        reader = KeyReader(parser, codec, about.server.clock.wall())
        key = reader.keys()
        if reader.asks_modseq:
            about.enable_condstore()
        positions = yield from Search(about).run(key)
    except PillarboxError as error:
        if saves and not isinstance(error, PeerError):  # RFC 5182 §2.1: NO empties the result
            about.saved = array("I")
        raise
    found = _found(about, positions, returns, asks_modseq=reader.asks_modseq)
    if saves:
        about.saved = uids_at(about, found.positions)
    yield from _tell(about, command, found)
    return b"OK SEARCH completed"


def _returns(parser: Parser) -> frozenset[bytes]:
    """ "(" [search-return-opt *(SP search-return-opt)] ")"; nothing means ALL"""
    asked = frozenset(parser.list_of(parser.word, may_be_empty=True))
    if not asked <= _RETURNS:
        raise BadSyntax("SEARCH returns MIN, MAX, ALL, COUNT or SAVE.")
    return asked or frozenset({b"ALL"})


def _found(
    about: Conversation,
    positions: Sequence[int],
    returns: frozenset[bytes] | None,
    *,
    asks_modseq: bool,
) -> _Found:
    """RFC 4731 §3.1 and RFC 5182 §2.4: with MIN and MAX alone only those count."""
    if returns is not None and positions and not returns & {b"ALL", b"COUNT"}:
        ends = {positions[0]} if b"MIN" in returns else set()
        if b"MAX" in returns:
            ends.add(positions[-1])
        positions = sorted(ends) or positions
    modseq: int | None = None
    if asks_modseq and positions:
        these = columns.batch(about, positions)
        modseq = max(columns.modseqs(about, these), default=None)
    return _Found(positions, returns, modseq)


def _tell(about: Conversation, command: Command, found: _Found) -> Steps[None]:
    numbers: Sequence[int]
    if command.by_uid:
        numbers = sets.chosen_uids(about.view, found.positions)
    else:
        numbers = [position + 1 for position in found.positions]
    if found.returns is None:
        yield from _plain(about, numbers, found.modseq)
        return
    if found.returns == {b"SAVE"}:  # RFC 5182 §2.1: nothing is told
        return
    words = [b"* ESEARCH (TAG %b)" % string(command.tag)]
    if command.by_uid:
        words.append(b"UID")
    words += _results(found, numbers)
    yield from about.say(b" ".join(words) + b"\r\n")


def _results(found: _Found, numbers: Sequence[int]) -> list[bytes]:
    """search-return-data"""
    returns = found.returns or frozenset()
    words: list[bytes] = []
    if numbers:
        if b"MIN" in returns:
            words.append(b"MIN %d" % numbers[0])
        if b"MAX" in returns:
            words.append(b"MAX %d" % numbers[-1])
        if b"ALL" in returns:
            words.append(b"ALL " + sets.text(numbers))
    if b"COUNT" in returns:
        words.append(b"COUNT %d" % len(numbers))
    if found.modseq is not None:
        words.append(b"MODSEQ %d" % found.modseq)
    return words


def _plain(about: Conversation, numbers: Sequence[int], modseq: int | None) -> Steps[None]:
    """RFC 3501 §7.2.5: the answer without RETURN, for IMAP4rev1"""
    about.hold(b"* SEARCH")
    for start in range(0, len(numbers), _NUMBERS_AT_ONCE):
        part = numbers[start : start + _NUMBERS_AT_ONCE]
        yield from about.say(b" %d" * len(part) % tuple(part))
    end = b"" if modseq is None else b" (MODSEQ %d)" % modseq
    yield from about.say(end + b"\r\n")
