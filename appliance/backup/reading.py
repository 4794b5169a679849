"""Which packs of a repository a run reads back, so that every one has its turn. Pure.

It is written down in which round (of proven runs) each pack was read last and found right. A run
reads all that is new, then those that were not read the longest, up to so many octets; and of the
old ones never so few that one of them could wait longer than `ROUNDS` rounds, however the
repository grows and whatever is thinned out.

A repository behind a network is read by restic, which takes parts of it by the first octet of the
packs' names. So there the 256 groups of packs have turns; the number of parts is a power of two,
because then each part of a finer division lies whole in one part of a coarser one.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby

READ_WHOLE = 8 << 30
"""Octets up to which all of a repository is read back after each run."""
ROUNDS = 10
"""In any so many proven runs each pack is read."""
PART = 1 << 30
"""About so much of a repository behind a network is read in a run."""
GROUPS = 256
"""More parts restic does not make."""


def is_pack(path: str) -> bool:
    """Whether a file of a repository holds data."""
    return path.startswith("data/")


def due(
    sizes: Mapping[str, int],
    last: Mapping[str, int],
    number: int,
    *,
    whole: int = READ_WHOLE,
    rounds: int = ROUNDS,
) -> list[str]:
    """Files of a repository to be read in round `number`.

    `sizes` are those of all files now; `last` says in which round each pack was read last, and a
    pack that is not in it was never seen.
    """
    chosen = [path for path in sizes if not (is_pack(path) and path in last)]
    spare = whole - sum(sizes[path] for path in chosen)
    old = sorted(sizes.keys() & last.keys(), key=lambda path: (last[path], path))
    needed = _needed([(last[path], sizes[path]) for path in old], number, rounds)
    taken = 0
    for path in old:
        if taken >= needed and taken + sizes[path] > spare:
            break
        chosen.append(path)
        taken += sizes[path]
    return sorted(chosen)


def _needed(old: list[tuple[int, int]], number: int, rounds: int) -> int:
    """Octets that must be read now, from the oldest on, lest there be too many in a later round.

    What was read in round R is read again in round R + `rounds` at the latest; so of all that is
    as old as that or older a fair share is due in each round that is left.
    """
    needed = octets = 0
    for last, packs in groupby(old, key=lambda pack: pack[0]):
        octets += sum(size for _, size in packs)
        rounds_left = max(1, last + rounds + 1 - number)
        needed = max(needed, -(-octets // rounds_left))
    return needed


def group(number: int) -> str:
    """The packs whose names begin with one octet; their folder is called so."""
    return f"data/{number:02x}"


def part(last: Mapping[str, int], octets: int, *, octets_each: int = PART) -> tuple[int, int]:
    """Which part of how many restic is to read: the one with the group that waited longest."""
    parts = 1
    while parts < GROUPS and parts * octets_each < octets:
        parts *= 2
    oldest = min(range(GROUPS), key=lambda number: (last.get(group(number), -2), number))
    return oldest % parts + 1, parts


def groups_of(which: int, parts: int) -> list[str]:
    """The groups that are in a part: restic takes the first octet modulo the number of parts."""
    return [group(number) for number in range(which - 1, GROUPS, parts)]


def all_groups() -> dict[str, int]:
    """Every group, with the octets that nobody knows of it."""
    return dict.fromkeys(groups_of(1, 1), 0)
