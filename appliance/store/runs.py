"""Runs of the daemon, numbered on the mail disk: did the last one end with the power?

A killed process loses nothing that it wrote: what it handed to the kernel is there. A power cut
may lose the last seconds of every log. The kernel's boot id tells the two apart: a run that was
not ended in order, in another boot, ended with the power (or the drive was pulled). Snapshots
written in or before such a run are believed only as far as a listing confirms them.

The file `index/run`: number, number of the last run that ended with the power, boot id, state.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from appliance import files
from appliance.errors import StorageFull

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def boot_id() -> str:
    """This boot of the machine; "" when the kernel does not tell."""
    try:
        return files.read(_BOOT_ID).decode("ascii", "replace").strip()
    except OSError:
        return ""


class Runs:
    """The number of this run, and which earlier ones are trusted."""

    def __init__(self, path: Path, boot: str) -> None:
        self._path = path
        self._boot = boot
        self.number = 0
        self.last_power_cut = 0

    def begin(self, now: int) -> None:
        """Begin a run; durable on return."""
        number, cut, boot, state = self._read()
        if state != "ended" and (boot != self._boot or not boot):
            cut = number
        self.number, self.last_power_cut = max(number + 1, now), cut
        self._write("running")

    def end(self) -> None:
        """Everything is written: the run ends in order."""
        with contextlib.suppress(StorageFull):
            self._write("ended")

    def is_trusted(self, run: int) -> bool:
        """Whether a snapshot of that run has certainly not been followed by lost changes."""
        return self.last_power_cut < run <= self.number

    def _read(self) -> tuple[int, int, str, str]:
        try:
            number, cut, boot, state = files.read(self._path).decode("ascii").split()
            return int(number), int(cut), boot, state
        except (FileNotFoundError, IsADirectoryError, ValueError):
            return 0, 0, "", ""

    def _write(self, state: str) -> None:
        boot = self._boot or "unknown"
        files.replace(self._path, f"{self.number} {self.last_power_cut} {boot} {state}\n".encode())
