"""The front of the backups: what the roof, the page and the command line call. All of it blocks.

The roof calls these methods in a thread of its own and gives a `Watch`: an event that cancels, a
question whether the drive is still there, and where progress goes. One run at a time: a lock in
STATE says so to other processes too.
"""

from __future__ import annotations

import fcntl
import logging
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from appliance import files
from appliance.backup import damage, decisions, key, looking, proof, target, view
from appliance.backup.address import check as check_address
from appliance.backup.address import is_address
from appliance.backup.coverage import Coverage, coverage
from appliance.backup.damage import SetAside
from appliance.backup.decisions import Reminder
from appliance.backup.engine import Engine, Repository, Version
from appliance.backup.history import EVERYTHING, INDEX, History, Run, Target
from appliance.backup.key import Key
from appliance.backup.process import Watch, within
from appliance.backup.proof import Proven, beside
from appliance.backup.source import PATIENCE_SECONDS, find_version, foreign_source
from appliance.backup.taking import Remount, Taking
from appliance.backup.target import Pulse
from appliance.backup.trouble import Kind, TargetTrouble, drive_errors
from appliance.backup.view import Box, Freeze
from appliance.clock import Clock
from appliance.errors import AlreadyExists, NotFound, PillarboxError, Refused
from appliance.words import phrase

log = logging.getLogger("pillarbox.backup")

PROVEN, FAILED, CANCELLED = phrase("proven"), phrase("failed"), phrase("cancelled")
_LOCK = "backup.lock"
_CACHE = "backup-cache"
_KEPT_BADLY = {Kind.DAMAGED.value, Kind.FAILING.value, Kind.UNREADABLE.value}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to."""

    outcome: str
    """proven, failed or cancelled."""
    sentence: str
    version: str = ""
    trouble: str = ""
    """A word for programs: full, vanished, ... (trouble.Kind)."""
    details: Mapping[str, Any] = field(default_factory=dict)
    proven: Proven | None = None
    """What was looked at, when it is proven."""

    @property
    def is_proven(self) -> bool:
        """Whether the version can be relied on."""
        return self.outcome == PROVEN


class Job:
    """The backups of one box."""

    def __init__(self, box: Box, history: History, clock: Clock) -> None:
        self.box = box
        self.history = history
        self._clock = clock

    def tidy(self) -> None:
        """At the start: what a killed run left on the mail disk and in the history."""
        with self._alone():
            self.history.settle()
            view.remove(self.box)
            looking.tidy(self.box.mail)

    # --- targets

    def recognise(self, root: Path, watch: Watch | None = None) -> Target | None:
        """The target that a drive or folder is; None when it is new and must be asked about.

        Raises:
            TargetTrouble: it belongs to another box, or cannot be read.
        """
        name = phrase(f"the drive at {root}")
        patience = watch or within(PATIENCE_SECONDS)
        marker = beside(lambda: target.read_marker(root, name), patience, name)
        if marker is None:
            return None
        if marker.box != self.box.identity:
            raise TargetTrouble(Kind.FOREIGN, name)
        try:
            known = self.history.target(marker.drive)
        except NotFound:
            return self._remember(marker.drive, marker.label, str(root))
        if known.location != str(root):
            known = self.history.change(known.identity, location=str(root))
        return known

    def adopt(self, root: Path, label: str = "") -> Target:
        """Use a new drive or folder from now on; somebody was asked. What is on it stays.

        Raises:
            AlreadyExists: it is one of this box already.
            TargetTrouble: it belongs to another box, or cannot be written to.
        """
        root = root.absolute()
        known = self.recognise(root)
        if known is not None:
            raise AlreadyExists(f"{root} is {known.name} already.")
        label = self._checked_label(label)
        make = partial(target.adopt, root, self.box.identity, self.box.host, label)
        marker = beside(make, within(PATIENCE_SECONDS), phrase(f"the drive at {root}"))
        return self._remember(marker.drive, label, str(root))

    def add_address(
        self, address: str, environment: Mapping[str, str] | None = None, label: str = ""
    ) -> Target:
        """Use a repository behind a network: it is reached, and made if there is none.

        Raises:
            Refused: there is a password in the address.
            TargetTrouble: it cannot be reached or opened.
        """
        check_address(address)
        found = Target(
            secrets.token_hex(8),
            self._checked_label(label),
            address,
            dict(environment or {}),
            self._clock.wall(),
        )
        engine = self.engine(found)
        if not engine.exists():
            engine.init()
        self.history.add(found)
        return found

    def renew(self, of: Target) -> Target:
        """Begin anew where the backup is not there any more; somebody was asked.

        Raises:
            Refused: there is a backup.
        """
        with self._alone():
            engine = self.engine(of, within(PATIENCE_SECONDS))
            if not is_address(of.location):
                self._check(of, engine.watch)
            if beside(engine.exists, engine.watch, of.name):
                raise Refused(
                    f"There is a backup on {of.name}; nothing is begun anew. To use it no more: "
                    "backup target remove."
                )
            known = self.history.renew(of.identity)
            if is_address(of.location):
                engine.init()
            else:
                forget = partial(target.write_proofs, Path(of.location), of.name, [])
                beside(forget, engine.watch, of.name)
            return known

    def discard_damaged(self, of: Target) -> SetAside:
        """Let go of what was set aside as damaged on a drive."""
        if is_address(of.location):
            raise Refused(f"Nothing is set aside on {of.name}.")
        with self._alone():
            patience = within(PATIENCE_SECONDS)
            self._check(of, patience)
            root = Path(of.location)
            found = beside(lambda: damage.let_go(root, of.name), patience, of.name)
            self.history.change(of.identity, damaged_files=0, damaged_octets=0)
        return found

    def _checked_label(self, label: str) -> str:
        label = label.strip() or self.history.free_label()
        if len(label) > 40 or not label.isprintable() or "/" in label:
            raise Refused("A label has at most 40 characters and no slash.")
        if any(label == each.label for each in self.history.targets()):
            raise AlreadyExists(f"There is a backup target {label} already.")
        return label

    def _remember(self, identity: str, label: str, location: str) -> Target:
        taken = {each.label for each in self.history.targets()}
        free = label if label not in taken else self.history.free_label()
        found = Target(identity, free, location, {}, self._clock.wall())
        self.history.add(found)
        return found

    def is_there(self, of: Target) -> bool:
        """Whether a target could be used now: a folder that is there, or any address."""
        if is_address(of.location):
            return True
        try:
            known = self.recognise(Path(of.location))
        except PillarboxError:
            return False
        return known is not None and known.identity == of.identity

    def present(self) -> list[Target]:
        """The targets that could be used now."""
        return [each for each in self.history.targets() if self.is_there(each)]

    def choose(self) -> Target:
        """The target for a run that names none. Raises NotFound when there is none."""
        chosen = decisions.which_drive(self.present())
        if chosen is None:
            raise NotFound("No backup drive is plugged in; plug one in, or see: backup target add.")
        return chosen

    def reminders(self, days: int, rotation: int) -> list[Reminder]:
        """What people are to be reminded of now; see the settings `[backup]`."""
        return decisions.reminders(
            self.history.targets(), self._clock.wall(), days=days, rotation=rotation
        )

    def damaged(self) -> Reminder | None:
        """What people are told of files that are set aside as damaged."""
        return damage.reminder(self.history.targets())

    def engine(self, of: Target, watch: Watch | None = None, with_key: Key | None = None) -> Engine:
        """restic for a target, opened with this box's key or another one."""
        opened = with_key or key.load_or_make(self.box.state)
        if is_address(of.location):
            cache = self.box.state / _CACHE
            repository = Repository(of.name, of.location, of.environment, cache)
        else:
            repository = target.repository_of(Path(of.location), of.name)
        return Engine(repository, opened, watch=watch)

    def versions(self, of: Target) -> list[tuple[Version, bool]]:
        """All versions on a target, oldest first, and whether each was proven."""
        proven = {of.proven_version}
        if not is_address(of.location):
            proven |= {one.version for one in target.proofs(Path(of.location), of.name)}
        return [(one, one.identity in proven) for one in self.engine(of).versions()]

    def source(
        self,
        named: str,
        with_key: Key | None = None,
        watch: Watch | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Engine:
        """Where to restore from: a target, or any drive, folder or address with a backup on it.

        Raises:
            NotFound: there is nothing such.
        """
        if not named:
            return self.engine(self.choose(), watch, with_key)
        try:
            return self.engine(self.history.target(named), watch, with_key)
        except NotFound:
            pass
        opened = with_key or key.load(self.box.state)
        return foreign_source(named, opened, watch, environment)

    def coverage(self, of: Target) -> Coverage:
        """How much of a target its proofs have looked at."""
        return coverage(of, self.history.record.readings(of.identity))

    def verify(self, of: Target, version: str, watch: Watch) -> str:
        """Read all of a target and walk through one version; a sentence.

        Raises:
            TargetTrouble: what is wrong; the next run mends it.
        """
        with self._alone(), self._watched(of, watch) as (watched, _):
            engine = self.engine(of, watched)
            found = find_version(engine, version)
            try:
                read = proof.read_all(engine)
                engine.walk(found.identity)
            except TargetTrouble as trouble:
                if trouble.kind.value in _KEPT_BADLY and watch.alive():
                    self.history.change(of.identity, needs_mending=EVERYTHING)
                raise
            if of.read_since in range(of.rounds):
                self.history.record.note(of.identity, of.rounds - 1, read.found)
        return f"Version {found.short} on {of.name} is whole; everything on it was read."

    def add_key(self, of: Target, other: Key) -> None:
        """Let a second recovery sheet open what is on a target."""
        self.engine(of).add_key(other)

    # --- a run

    def run(
        self, of: Target, freeze: Freeze, *, watch: Watch, remount: Remount | None = None
    ) -> Outcome:
        """Take a version and prove it; never raises for what the target or the disk does.

        Raises:
            Refused: another run is under way.
        """
        with self._alone():
            now = self._clock.wall()
            number = self.history.begin(of.identity, now)
            outcome = self._outcome(of, freeze, watch, remount)
            self._write_down(of, Run(number, of.identity, now), outcome)
        if not outcome.is_proven:
            log.warning("backup: %s", outcome.sentence)
        return outcome

    def _outcome(
        self, of: Target, freeze: Freeze, watch: Watch, remount: Remount | None
    ) -> Outcome:
        try:
            with self._watched(of, watch) as (watched, pulse):
                root = None if is_address(of.location) else Path(of.location)
                if root is not None:
                    self._check(of, watched)
                taking = Taking(self.box, self.history, of, self.engine(of, watched), root)
                again = partial(_mount_again, remount, pulse, of) if remount and pulse else None
                made = taking.run(freeze, self._clock.wall(), again)
        except TargetTrouble as error:
            trouble = error
            if trouble.kind is not Kind.CANCELLED and not watch.alive():
                trouble = TargetTrouble(Kind.VANISHED, of.name)  # whatever was seen of it first
            log.debug("restic said: %s", trouble.details)
            outcome = CANCELLED if trouble.kind is Kind.CANCELLED else FAILED
            return Outcome(outcome, str(trouble), trouble=trouble.kind.value)
        except PillarboxError as error:
            return Outcome(FAILED, str(error), trouble="mail-disk")
        except OSError as error:
            return Outcome(FAILED, f"The mail disk: {error.strerror}.", trouble="mail-disk")
        sentence, details = made.sentence(of.name), made.details()
        return Outcome(PROVEN, sentence, made.taken.identity, "", details, made.proven)

    @contextmanager
    def _watched(self, of: Target, watch: Watch) -> Iterator[tuple[Watch, Pulse | None]]:
        """The caller's watch, and for a folder also whether it still answers."""
        if is_address(of.location):
            yield watch, None
            return
        pulse = Pulse(Path(of.location))
        try:
            yield Watch(watch.cancel, lambda: watch.alive() and pulse(), watch.progress), pulse
        finally:
            pulse.end()

    def _check(self, of: Target, watch: Watch) -> None:
        root, box = Path(of.location), self.box.identity
        beside(lambda: target.check_marker(root, of, box), watch, of.name)

    def _write_down(self, of: Target, run: Run, outcome: Outcome) -> None:
        if outcome.proven is not None:
            self.history.prove(
                of.identity,
                outcome.proven.read.found,
                last_run=run.started,
                last_proven=run.started,
                proven_version=outcome.version,
                lap=of.lap.went_on(outcome.proven.compared_to, run.started),
            )
        else:
            badly = outcome.trouble in _KEPT_BADLY
            mending = max(of.needs_mending, EVERYTHING if badly else INDEX)
            self.history.change(of.identity, last_run=run.started, needs_mending=mending)
        self.history.end(
            replace(
                run,
                ended=self._clock.wall(),
                outcome=outcome.outcome,
                sentence=outcome.sentence,
                version=outcome.version,
                details=outcome.details,
            )
        )

    @contextmanager
    def _alone(self) -> Iterator[None]:
        descriptor = files.open_append(self.box.state / _LOCK)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Refused("A backup is under way already; wait until it is done.") from None
            yield
        finally:
            os.close(descriptor)


def _mount_again(remount: Remount, pulse: Pulse, of: Target) -> None:
    """The roof's part of a proof; what fails in it is the drive's fault."""
    with pulse.paused(), drive_errors(of.name):
        remount()
