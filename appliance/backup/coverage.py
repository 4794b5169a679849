"""How much of a target its proofs have looked at, in numbers and in one sentence. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from appliance.backup.history import Target
from appliance.backup.record import ReadIn
from appliance.words import day


@dataclass(frozen=True, slots=True)
class Coverage:
    """What was read back and compared."""

    is_recorded: bool
    """False before the first proven run, and before the first one that wrote such things down."""
    octets: int = 0
    """Of all packs; behind a network nobody knows."""
    octets_read: int = 0
    read_share: float = 0.0
    """1.0 only when everything was read at least once."""
    oldest_reading: int = 0
    """All that was read was read within the last so many proven runs."""
    compared_share: float = 0.0
    """How far the present lap of comparing messages is."""
    compared_since: float = 0.0
    """Each message that was there at this time was compared since; 0 before the first lap ended."""

    def told(self) -> dict[str, Any]:
        """For programs."""
        return {
            "octets": self.octets,
            "octets_read": self.octets_read,
            "read_share": self.read_share,
            "oldest_reading_runs": self.oldest_reading,
            "compared_share": self.compared_share,
            "compared_since": self.compared_since,
        }


def coverage(target: Target, readings: Iterable[ReadIn]) -> Coverage:
    """What the proofs of a target have looked at; `readings` is its record."""
    found = list(readings)
    if target.read_since < 0 or target.rounds <= target.read_since:
        return Coverage(is_recorded=False)
    read = [one for one in found if one.number >= target.read_since]
    octets, packs = sum(one.octets for one in found), sum(one.packs for one in found)
    octets_read, packs_read = sum(one.octets for one in read), sum(one.packs for one in read)
    part, whole = (octets_read, octets) if octets else (packs_read, packs)
    return Coverage(
        True,  # noqa: FBT003 - it is recorded
        octets,
        octets_read,
        part / whole if whole else 1.0,
        target.rounds - min((one.number for one in read), default=target.rounds - 1),
        target.lap.share,
        target.lap.whole_since,
    )


def sentence(target: Target, found: Coverage) -> str:
    """For people."""
    if not target.last_proven:
        return f"No backup on {target.name} was proven yet."
    if not found.is_recorded:
        return f"What is read back of {target.name} is written down from the next backup on."
    return f"{_read(target.name, found)} {_compared(found)}"


def _read(name: str, found: Coverage) -> str:
    runs = "the last run" if found.oldest_reading == 1 else f"the last {found.oldest_reading} runs"
    if found.read_share < 1.0:
        return f"Of what is on {name} {_percent(found.read_share)} was read back within {runs}."
    if found.oldest_reading == 1:
        return f"Everything on {name} was read back in the last run."
    return f"Everything on {name} was read back within {runs}."


def _compared(found: Coverage) -> str:
    if found.compared_since:
        return f"Every message that was there on {day(found.compared_since)} was compared since."
    share = _percent(found.compared_share)
    return f"The newest messages of everyone and {share} of the others were compared so far."


def _percent(share: float) -> str:
    return f"{int(share * 100)} %"
