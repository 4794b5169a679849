"""Which messages and which packs a proof looks at. Pure.

The newest messages of everyone are always in the sample. The others take turns: a message's name
decides in which round it comes, so after as many rounds as there are shares each was compared. It
is the same with the packs of a repository that is too large to be read whole each time.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

MIB = 1 << 20
NEWEST_EACH = 3
MOST_MESSAGES = 500
MOST_OCTETS = 256 * MIB
READ_WHOLE = 8 << 30
"""Octets up to which all of a repository is read back after each run."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message in the view."""

    path: str
    """From the view, with a slash in front: /people/ADDRESS/cur/NAME."""
    size: int

    @property
    def account(self) -> str:
        """Whose it is."""
        return self.path.split("/", 3)[2]

    @property
    def base(self) -> str:
        """What of its name never changes."""
        return self.path.rpartition("/")[2].partition(",")[0].partition(":")[0]

    @property
    def seconds(self) -> int:
        """When it came, as its name tells."""
        digits = self.base.partition(".")[0]
        return int(digits) if digits.isdigit() and len(digits) < 13 else 0


def choose(
    messages: Sequence[Message],
    number: int,
    *,
    most: int = MOST_MESSAGES,
    most_octets: int = MOST_OCTETS,
) -> list[Message]:
    """The sample of round `number`: the newest of everyone, then those whose turn it is."""
    chosen = {one.path: one for one in newest(messages)}
    octets = sum(one.size for one in messages)
    shares = max(_shares(len(messages), most), _shares(octets, most_octets))
    for one in messages:
        if _turn(one.base, shares) == number % shares:
            chosen[one.path] = one
    return list(chosen.values())


def newest(messages: Sequence[Message], each: int = NEWEST_EACH) -> list[Message]:
    """The last messages of everyone."""
    of: dict[str, list[Message]] = defaultdict(list)
    for one in messages:
        of[one.account].append(one)
    return [
        one
        for mine in of.values()
        for one in sorted(mine, key=lambda m: (m.seconds, m.path))[-each:]
    ]


def to_read(
    sizes: Mapping[str, int], before: Collection[str], number: int, *, whole: int = READ_WHOLE
) -> list[str]:
    """Files of a repository to be read in round `number`: all that is small, new, or due.

    `sizes` are those of all files now; `before` names the files that were there before the run.
    """
    old = sum(size for path, size in sizes.items() if path in before and is_pack(path))
    shares = _shares(old, whole)
    return [
        path
        for path in sorted(sizes)
        if path not in before or not is_pack(path) or _turn(path, shares) == number % shares
    ]


def is_pack(path: str) -> bool:
    """Whether a file of a repository holds data."""
    return path.startswith("data/")


def _shares(amount: int, most: int) -> int:
    return max(1, -(-amount // max(most, 1)))


def _turn(name: str, shares: int) -> int:
    return zlib.crc32(name.encode("utf-8", "surrogateescape")) % shares
