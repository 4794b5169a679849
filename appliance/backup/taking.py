"""One run, step by step: mend, make room, view, copy, prove. What went wrong is raised.

    mend     what an interrupted run left is taken into the index, damaged files are put aside
    room     oldest versions go while the drive has no room, never the last good one
    view     what stands still (see view.py)
    copy     restic
    prove    checked, restored, compared; at the end read back (see proof.py), before which the
             roof may mount the drive anew

A run that ends anywhere leaves earlier versions as they were: restic adds files and removes none
but in `room`, and a version exists only when its last small file is there.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from appliance import files
from appliance.backup import damage, decisions, proof, reading, target, view
from appliance.backup.engine import Engine, Taken
from appliance.backup.history import EVERYTHING, History, Target
from appliance.backup.process import Progress
from appliance.backup.proof import Proven, ReadBack, beside
from appliance.backup.target import Proof
from appliance.backup.trouble import Kind, TargetTrouble
from appliance.backup.view import About, Box, Freeze
from appliance.errors import StorageFull, StorageOffline
from appliance.words import phrase

log = logging.getLogger("pillarbox.backup")

Remount = Callable[[], None]
_TRIES = 8
KEPT_PROOFS = 400


@dataclass(frozen=True, slots=True)
class Made:
    """A run that is proven."""

    taken: Taken
    about: About
    proven: Proven
    given_up: int
    has_damaged_versions: bool

    def sentence(self, name: str) -> str:
        """What is said when all went well."""
        count, people = sum(self.about.messages.values()), len(self.about.messages)
        sentence = (
            f"{count:,} messages of {people} {'person' if people == 1 else 'people'} are safe on "
            f"{name}; {self.proven.messages_compared:,} of them and all settings were restored "
            "and compared."
        )
        if self.has_damaged_versions:
            sentence += " Earlier versions on it are damaged: replace the drive soon."
        return sentence

    def details(self) -> dict[str, Any]:
        """For the history."""
        return {
            "messages": sum(self.about.messages.values()),
            "accounts": len(self.about.messages),
            "files_new": self.taken.files_new,
            "octets": self.taken.octets,
            "octets_added": self.taken.octets_added,
            "given_up": self.given_up,
            "has_damaged_versions": self.has_damaged_versions,
            **self.proven.told(),
        }


@dataclass(slots=True)
class Taking:
    """One run on one target, whose folder or address is that of the engine."""

    box: Box
    history: History
    target: Target
    engine: Engine
    root: Path | None
    """The drive or folder; None for a repository behind a network."""
    given_up: int = 0
    has_damaged_versions: bool = False

    def run(self, freeze: Freeze, now: float, remount: Remount | None = None) -> Made:
        """All of it.

        Raises:
            TargetTrouble: what the target did.
            StorageFull, StorageOffline: what the mail disk did.
        """
        engine = self.engine
        self._step(phrase("preparing"))
        if not self._is_there():
            self._check_empty()
            engine.init()
        engine.unlock()
        if self.target.needs_mending:
            self._mend()
        self._count_damaged()
        try:
            about = view.build(self.box, freeze, now)
            self._make_room(about)
            last = self._begin_record()
            taken = self._copy(about)
            proven = self._prove(taken, last, remount)
            self._note(taken, about, now)
        finally:
            self._clear()
        return Made(taken, about, proven, self.given_up, self.has_damaged_versions)

    def _step(self, words: str) -> None:
        self.engine.watch.progress(Progress(step=words))

    def _is_there(self) -> bool:
        return beside(self.engine.exists, self.engine.watch, self.engine.repository.name)

    def _check_empty(self) -> None:
        """A repository is not made anew over what may still be saved, nor in place of a lost one.

        One behind a network was made when it was added. If it, or one on a drive that had a good
        version, is not there any more, another disk may be mounted there or none, and an empty
        mount point must not be filled.
        """
        folder, name = self.engine.repository.folder, self.engine.repository.name
        if folder is None:
            raise TargetTrouble(Kind.LOST, name)
        if any(not path.startswith("keys/") for path in self._files()):
            raise TargetTrouble(Kind.DAMAGED, name, "the repository has lost its config")
        if self._proven():
            raise TargetTrouble(Kind.LOST, name, f"{folder} is missing or empty")

    def _files(self) -> Mapping[str, int]:
        folder, name = self.engine.repository.folder, self.engine.repository.name
        if folder is None:
            return reading.all_groups()
        return beside(lambda: proof.sizes_of(folder, name), self.engine.watch, name)

    def _begin_record(self) -> Mapping[str, int]:
        """When each pack was read last. On a drive that this box did not know nothing was read
        yet, and what is there before the first run is not new."""
        if self.target.read_since < 0:
            packs = {path: size for path, size in self._files().items() if reading.is_pack(path)}
            self.target = self.history.begin_record(self.target, packs)
        return self.history.record.last(self.target.identity)

    # --- mend

    def _mend(self) -> None:
        """After a run that did not end well."""
        self._step(phrase("looking at what the last run left"))
        folder = self.engine.repository.folder
        if folder is not None and self.target.needs_mending == EVERYTHING:
            for path in proof.damaged_files(self.engine):
                log.warning("a file on the drive is damaged and put aside: %s", path)
                move = partial(damage.put_aside, folder, path, self.engine.repository.name)
                beside(move, self.engine.watch, self.engine.repository.name)
        self.engine.rebuild_index()

    def _count_damaged(self) -> None:
        """What lies aside on the drive, from whatever run, and however it went away."""
        if self.root is None:
            return
        look = partial(damage.look, self.root, self.target.name)
        found = beside(look, self.engine.watch, self.target.name)
        self.target = self.history.change(
            self.target.identity, damaged_files=found.files, damaged_octets=found.octets
        )

    # --- room

    def _make_room(self, about: About) -> None:
        """Before the copy, by what it will about need."""
        root, name = self.root, self.engine.repository.name
        if root is None:
            return
        before = self._octets_before()
        for _ in range(_TRIES):
            free, whole = beside(partial(target.room, root, name), self.engine.watch, name)
            if free >= decisions.room_needed(about.octets, before, whole):
                return
            if not self._give_up_some():
                return

    def _octets_before(self) -> int:
        """What the last good version holds, if that is known."""
        versions = self.engine.versions() if self.target.proven_version else []
        good = decisions.last_good(versions, self._proven())
        tags = {} if good is None else dict(tag.partition("=")[::2] for tag in good.tags)
        size = tags.get("octets", "0")
        return int(size) if size.isdigit() else 0

    def _proven(self) -> set[str]:
        known = {self.target.proven_version} - {""}
        if self.root is None:
            return known
        return known | {one.version for one in target.proofs(self.root, self.target.name)}

    def _give_up_some(self) -> bool:
        """Forget some versions and remove what only they needed; False when none may go."""
        going = decisions.to_give_up(self.engine.versions(), self._proven())
        if not going:
            return False
        self._step(phrase("making room"))
        log.info("the drive is full: %d old versions are given up", len(going))
        self.engine.forget(going)
        self._prune_on_a_full_drive()
        self.given_up += len(going)
        return True

    def _prune_on_a_full_drive(self) -> None:
        """First what frees room without taking any, then what needs some for a while.

        restic 0.18 puts what several versions hold into one large file; only writing anew what of
        it is still needed gives the rest back. When there is no room even for that, all stays.
        """
        self.engine.prune(without_room=True)
        try:
            self.engine.prune()
        except TargetTrouble as trouble:
            if trouble.kind is not Kind.FULL:
                raise
            self.engine.unlock()
            self.engine.prune(without_room=True)  # what the failed one left

    # --- copy

    def _copy(self, about: About) -> Taken:
        self._step(phrase("copying"))  # restic 0.18 says nothing of a short one
        tags = (
            f"messages={sum(about.messages.values())}",
            f"accounts={len(about.messages)}",
            f"octets={about.octets}",
        )
        anew = self.target.needs_mending == EVERYTHING
        for _ in range(_TRIES):
            try:
                return self._copy_once(tags, anew=anew)
            except TargetTrouble as trouble:
                if trouble.kind is Kind.UNREADABLE and not anew:
                    anew = True  # it may be the version before, on the drive, that is unreadable
                elif trouble.kind is Kind.FULL:
                    self.engine.unlock()
                    self.engine.prune(without_room=True)  # what the failed copy left
                    if not self._give_up_some():
                        raise
                else:
                    raise
        raise TargetTrouble(Kind.FULL, self.target.name)

    def _copy_once(self, tags: Sequence[str], *, anew: bool) -> Taken:
        parent = "" if anew else self.target.proven_version
        if parent and not self.engine.has_version(parent):
            parent = ""
        view, box = self.box.view, self.box.identity
        return self.engine.backup(view, box, tags, parent=parent, anew=anew)

    # --- prove

    def _prove(self, taken: Taken, last: Mapping[str, int], remount: Remount | None) -> Proven:
        """What restic makes of the files is looked at first, what the drive kept of them last.

        So a drive that changes its mind during the proof is found out by the end of it.
        """
        engine = self.engine
        read = ReadBack()
        self._step(phrase("checking"))
        if engine.repository.folder is None:
            read = proof.read_part(engine, reading.part(last, taken.octets))
        else:
            self._check(taken, last)
        self._step(phrase("restoring a sample"))
        scratch, start = self.box.mail / proof.SCRATCH, self.target.lap.at
        found = proof.restore_and_compare(engine, taken.identity, self.box.view, scratch, start)
        if engine.repository.folder is None:
            return replace(found, read=read)
        written = proof.look(engine)
        if remount is not None:
            self._step(phrase("mounting again"))
            remount()
        self._step(phrase("reading back"))
        return replace(found, read=proof.read_back(engine, last, self.target.rounds, written))

    def _check(self, taken: Taken, last: Mapping[str, int]) -> None:
        """Structure and index. Older versions that lost something do not condemn the new one."""
        try:
            self.engine.check()
        except TargetTrouble as trouble:
            if trouble.kind is not Kind.DAMAGED:
                raise
            proof.read_back(self.engine, last, self.target.rounds)  # or the new one is too
            log.warning("earlier versions on the drive are damaged: %s", trouble.details[-300:])
            self.engine.rebuild_index()  # so that it names nothing that is not there
            self.engine.walk(taken.identity)
            self.has_damaged_versions = True

    def _note(self, taken: Taken, about: About, now: float) -> None:
        if self.root is None:
            return
        root, name = self.root, self.target.name

        def write() -> None:
            known = target.proofs(root, name)
            mine = Proof(taken.identity, now, sum(about.messages.values()))
            target.write_proofs(root, name, [*known, mine][-KEPT_PROOFS:])

        beside(write, self.engine.watch, name)

    def _clear(self) -> None:
        try:
            view.remove(self.box)
            files.remove_tree(self.box.mail / proof.SCRATCH)
        except (StorageFull, StorageOffline, OSError) as error:
            log.warning("the view of the backup could not be removed: %s", error)
