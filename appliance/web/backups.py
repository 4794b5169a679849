"""What the page asks of the backups beside the daemon's acts: lists, which only read. Blocks."""

from __future__ import annotations

import re
from dataclasses import dataclass

from appliance.backup import coverage
from appliance.backup.engine import Version
from appliance.backup.history import SHEET_PROVEN, Run, Target
from appliance.backup.job import Job
from appliance.backup.looking import Look
from appliance.backup.newbox import RESTORING
from appliance.errors import NotFound, PillarboxError

MOST_VERSIONS = 200


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

    def to_choose(self) -> list[tuple[Target, Version, bool]]:
        """The versions of all targets that can be reached now, the newest first."""
        found: list[tuple[Target, Version, bool]] = []
        trouble: PillarboxError | None = None
        for target in self.job.present():
            try:
                found += [(target, *each) for each in self.job.versions(target)]
            except PillarboxError as error:
                trouble = error
        if trouble is not None and not found:
            raise trouble
        return sorted(found, key=lambda each: -each[1].taken)[:MOST_VERSIONS]

    def look_into(self, target: str, version: str, account: str) -> Look:
        """One account in one version, listed. Raises NotFound, TargetTrouble."""
        if not re.fullmatch(r"[0-9a-f]{8,64}", version):
            raise NotFound("There is no such version.")
        engine = self.job.engine(self.job.history.target(target))
        return Look(engine, version, account, self.job.box.mail)

    def covered(self, target: Target) -> str:
        """How much of it was read back and compared, in a sentence."""
        return coverage.sentence(target, self.job.coverage(target))

    def was_cut_off(self) -> bool:
        """Whether a part of a version is here, because bringing everything back was cut off."""
        return (self.job.box.mail / RESTORING).exists()

    def sheet_is_proven(self) -> bool:
        """Whether somebody typed words of the recovery sheet back."""
        return bool(self.job.history.fact(SHEET_PROVEN))

    def note_sheet_proven(self, now: float) -> None:
        """Somebody did."""
        self.job.history.note(SHEET_PROVEN, str(int(now)))
