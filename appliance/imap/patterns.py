"""LIST patterns: `*` stands for anything, `%` for anything within one level (RFC 9051 §6.3.9).

A client may send hundreds of wildcards, so this does not backtrack: the set of offsets of the name
that the pattern has reached so far is one number, bit i for offset i.
"""

from __future__ import annotations

SEPARATOR = "/"
LONGEST_PATTERN = 1000


class Pattern:
    """One pattern, its reference in front."""

    def __init__(self, text: str) -> None:
        if text[:5].upper() == "INBOX" and text[5:6] in ("", SEPARATOR):
            text = "INBOX" + text[5:]  # INBOX is the same in any case of letters
        self._text = text[:LONGEST_PATTERN]
        self._is_plain = "*" not in text and "%" not in text

    def matches(self, name: str) -> bool:
        """Whether the whole name fits."""
        if self._text == "*":
            return True
        if self._text == "%":
            return SEPARATOR not in name
        if self._is_plain:
            return name == self._text
        return bool(self._reached(name) >> len(name) & 1)

    def _reached(self, name: str) -> int:
        every = (1 << len(name) + 1) - 1
        at = 1
        for sign in self._text:
            if sign == "*":
                at = every & ~((at & -at) - 1)
            elif sign == "%":
                at = _spread(at, name)
            else:
                places = sum(1 << i for i, letter in enumerate(name) if letter == sign)
                at = (at & places) << 1
            if not at:
                return 0
        return at


def _spread(at: int, name: str) -> int:
    """From every offset on to all others up to the next separator."""
    for i, letter in enumerate(name):
        if at >> i & 1 and letter != SEPARATOR:
            at |= 1 << i + 1
    return at
