"""What the page asks of the backups beside the daemon's acts: lists, which only read. Blocks."""

from __future__ import annotations

from dataclasses import dataclass

from appliance.backup import coverage
from appliance.backup.engine import Version
from appliance.backup.history import SHEET_PROVEN, Run, Target
from appliance.backup.job import Job


@dataclass(frozen=True, slots=True)
class Backups:
    """The backups of this box."""

    job: Job

    def runs(self) -> list[Run]:
        """The newest first."""
        return self.job.history.runs()

    def targets(self) -> list[Target]:
        """In the order in which they were added."""
        return self.job.history.targets()

    def present(self) -> set[str]:
        """Those that can be reached now."""
        return {each.identity for each in self.job.present()}

    def versions(self, target: str) -> list[tuple[Version, bool]]:
        """What a target holds, and whether each was proven. Raises NotFound."""
        return self.job.versions(self.job.history.target(target))

    def covered(self, target: Target) -> str:
        """How much of it was read back and compared, in a sentence."""
        return coverage.sentence(target, self.job.coverage(target))

    def sheet_is_proven(self) -> bool:
        """Whether somebody typed words of the recovery sheet back."""
        return bool(self.job.history.fact(SHEET_PROVEN))

    def note_sheet_proven(self, now: float) -> None:
        """Somebody did."""
        self.job.history.note(SHEET_PROVEN, str(int(now)))
