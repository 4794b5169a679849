"""Faults seeded into drives: whatever a drive does, no run is called proven that does not restore.

A seed decides what is wrong with the drive, where, and from which stage of the run on (what goes
wrong after the last look at the drive is for the next run to find). If the run
is called proven, everything in its version must come back from the drive as it then is; if only the
cable was pulled, everything in the version before must. The long form has 200 seeds:

    ./build.sh test tests/backup/test_faults.py -m slow
"""

from __future__ import annotations

import os
import random
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from appliance.backup.history import Target
from appliance.backup.process import Progress, Watch
from appliance.backup.trouble import TargetTrouble
from tests.backup.drives import run
from tests.backup.faulty import FaultyDrive
from tests.backup.office import ANNA, BEN, Office, contents

IN_CI, LONG = (1, 2, 4, 5, 8, 11), 200
MIB = 48
STAGES = ("preparing", "copying", "checking", "restoring a sample", "mounting again")
KIB = 1 << 10


@dataclass
class Scene:
    """A drive with one good version on it, to be spoiled again and again."""

    office: Office
    drive: FaultyDrive
    target: Target
    image: Path
    before: dict[str, dict[str, str]]

    def mail(self) -> dict[str, dict[str, str]]:
        return {who: contents(self.office.mail / "people" / who) for who in (ANNA, BEN)}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("faults")
    office = Office(folder / "office")
    drive = FaultyDrive(folder, MIB)
    office.sent(ANNA, "INBOX", 24, size=900_000)
    with drive:
        target = office.job.adopt(drive.root)
        assert office.back_up(target).is_proven
    image = folder / "good.img"
    shutil.copyfile(drive.image, image)
    found = Scene(office, drive, office.job.history.target(target.identity), image, {})
    found.before = found.mail()
    office.sent(BEN, "INBOX", 24, size=900_000)
    yield found
    office.close()


class Fault:
    """What one seed does to the drive."""

    def __init__(self, seed: int, scene: Scene) -> None:
        self.rng = random.Random(seed)
        self.scene = scene
        kinds: tuple[Callable[[], None], ...] = (
            self.flip, self.flip, self.wrap, self.broken, self.drops, self.gone, self.gone,
            self.truncated, self.missing, self.swapped, self.flipped_file, self.zeroed,
        )  # fmt: skip
        self.strike = kinds[seed % len(kinds)]
        self.stage = self.rng.choice(STAGES)
        if self.strike in kinds[-5:]:
            self.stage = "mounting again"  # done to files, so that they are what the drive kept
        if self.strike == self.gone:
            self.stage = self.rng.choice((*STAGES, "reading back"))
        self.struck = False

    def __str__(self) -> str:
        return f"{self.strike.__name__} at {self.stage}"

    def at(self, progress: Progress) -> None:
        if progress.step == self.stage and not self.struck:
            self.struck = True
            if self.stage == "copying":
                time.sleep(self.rng.random() * 0.3)
            self.strike()

    # --- the device

    def place(self) -> int:
        return self.rng.randrange(MIB << 20)

    def flip(self) -> None:
        count = self.rng.choice((1, 3, 30, 300))
        self.scene.drive.make(
            flip=[[self.place(), 1 << self.rng.randrange(8)] for _ in range(count)]
        )

    def wrap(self) -> None:
        self.scene.drive.make(wrap=(MIB << 20) // 2)

    def broken(self) -> None:
        starts = [self.place() for _ in range(self.rng.choice((1, 4, 16)))]
        self.scene.drive.make(
            broken=[[at, at + self.rng.choice((4, 64, 512)) * KIB] for at in starts]
        )

    def drops(self) -> None:
        start = self.place()
        self.scene.drive.make(drops=[start, start + (MIB << 18)])

    def gone(self) -> None:
        self.scene.drive.make(gone=True)

    # --- files

    def victim(self) -> Path:
        repository = self.scene.drive.root / "pillarbox-backup" / "repository"
        found = sorted(path for path in repository.rglob("*") if path.is_file())
        return self.rng.choice([path for path in found if "locks" not in path.parts])

    def truncated(self) -> None:
        victim = self.victim()
        os.truncate(victim, self.rng.randrange(victim.stat().st_size))

    def missing(self) -> None:
        self.victim().unlink()

    def swapped(self) -> None:
        one, other = self.victim(), self.victim()
        data = one.read_bytes()
        one.chmod(0o600)
        one.write_bytes(other.read_bytes())
        other.chmod(0o600)
        other.write_bytes(data[::-1])

    def flipped_file(self) -> None:
        self.change(lambda data, at: data.__setitem__(at, data[at] ^ 1 << self.rng.randrange(8)))

    def zeroed(self) -> None:
        def zero(data: bytearray, at: int) -> None:
            data[at : at + 4096] = bytes(len(data[at : at + 4096]))

        self.change(zero)

    def change(self, spoil: Callable[[bytearray, int], None]) -> None:
        victim = self.victim()
        data = bytearray(victim.read_bytes())
        spoil(data, self.rng.randrange(len(data)))
        victim.chmod(0o600)
        victim.write_bytes(data)


def restored(scene: Scene, version: str, folder: Path) -> dict[str, dict[str, str]]:
    """All mail of a version, from the drive alone."""
    shutil.rmtree(folder, ignore_errors=True)
    scene.office.job.engine(scene.target).restore(version, folder)
    found = {who: contents(folder / "people" / who) for who in (ANNA, BEN)}
    assert (folder / "state" / "appliance.db").stat().st_size > 0
    assert (folder / "state" / "settings.toml").exists()
    shutil.rmtree(folder)
    return found


def suffer(scene: Scene, seed: int, folder: Path) -> str:
    """One run on a drive with one fault; what came of it."""
    office, drive = scene.office, scene.drive
    shutil.copyfile(scene.image, drive.image)
    drive.make()
    good = scene.target
    office.job.history.change(
        good.identity, proven_version=good.proven_version, rounds=seed, needs_mending=0
    )
    fault = Fault(seed, scene)
    with drive:
        begun = time.monotonic()
        outcome = office.back_up(good, Watch(progress=fault.at), remount=drive.mount_again)
        assert time.monotonic() - begun < 60, f"seed {seed}, {fault}: it took too long"
        assert fault.struck or not outcome.is_proven, f"seed {seed}, {fault}: it did not happen"
        assert not office.box.view.exists()
        if outcome.is_proven:
            drive.mount_again()
            found = restored(scene, outcome.version, folder / "restored")
            assert found == scene.mail(), f"seed {seed}, {fault}: proven, but it does not restore"
    if fault.strike == fault.gone:  # plugged in again, the version before is whole
        run("e2fsck", "-fy", drive.image)
        with drive:
            found = restored(scene, good.proven_version, folder / "restored")
            assert found[ANNA] == scene.before[ANNA], f"seed {seed}, {fault}"
    assert outcome.sentence.count(".") <= 3
    assert outcome.trouble != "unknown", f"seed {seed}, {fault}: {outcome}"
    return f"{fault}: {outcome.outcome} {outcome.trouble}"


@pytest.mark.parametrize("seed", IN_CI)
def test_no_run_is_called_proven_that_does_not_restore(
    scene: Scene, seed: int, tmp_path: Path
) -> None:
    suffer(scene, seed, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_two_hundred_seeded_faults(scene: Scene, tmp_path: Path) -> None:
    told: dict[str, int] = {}
    for seed in range(LONG):
        what = suffer(scene, seed, tmp_path)
        told[what] = told.get(what, 0) + 1
    for what, count in sorted(told.items()):
        print(f"{count:4} {what}")


@pytest.mark.parametrize("number", [0, -1])
def test_a_damaged_drive_is_mended_by_the_next_run(
    scene: Scene, tmp_path: Path, number: int
) -> None:
    """Mail that is still in the mailboxes is written again; what is lost is only in old versions."""
    office, drive, good = scene.office, scene.drive, scene.target
    shutil.copyfile(scene.image, drive.image)
    drive.make()
    office.job.history.change(good.identity, proven_version=good.proven_version, needs_mending=0)
    with drive:
        packs = sorted((drive.root / "pillarbox-backup" / "repository" / "data").rglob("*/*"))
        pack = sorted(packs, key=lambda path: path.stat().st_size)[number]  # folders; mail
        data = bytearray(pack.read_bytes())
        data[len(data) // 3] ^= 4
        pack.chmod(0o600)
        pack.write_bytes(data)
        outcome = office.back_up(good, remount=drive.mount_again)
        assert outcome.trouble == "damaged"
        assert "does not give back what was written to it" in outcome.sentence
        outcome = office.back_up(good, remount=drive.mount_again)
        assert outcome.is_proven, outcome
        assert outcome.details["has_damaged_versions"]
        assert "replace the drive soon" in outcome.sentence
        assert restored(scene, outcome.version, tmp_path / "restored") == scene.mail()
        with pytest.raises((TargetTrouble, AssertionError)):
            assert (
                restored(scene, good.proven_version, tmp_path / "old")[ANNA] == scene.before[ANNA]
            )
