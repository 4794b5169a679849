"""A sentence for the next page that somebody sees. In memory, bounded, shown once."""

from __future__ import annotations

from collections import OrderedDict

_MOST = 500
_sentences: OrderedDict[str, str] = OrderedDict()


def put(session: str, sentence: str) -> None:
    """Keep it for this session."""
    if session:
        _sentences[session] = sentence
        while len(_sentences) > _MOST:
            _sentences.popitem(last=False)


def take(session: str) -> str:
    """What was kept, once."""
    return _sentences.pop(session, "")
