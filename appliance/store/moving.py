"""Copying the mail to another disk, pass by pass, while it is in use.

    DISK/mail.arriving/about.json    whose mail is coming here
    DISK/mail.arriving/mail/         the copy; nobody takes it for the mail before it is whole
    DISK/mail.arriving/files/XX/N    every copied file once more, named after its inode there

What the copy knows stands in `files/`: a file is there under its name only after it was flushed,
read back past the cache and found equal. Its modification time is that of the original; its access
time is the original's time of change, so one look tells whether anything was done to the original
since. Hence a copy that was cut off goes on where it was, a message whose flags (its name) changed
is only linked anew, and what has many names there has them here, without taking room twice.

While mail is in use files vanish, appear and are renamed under our hands; the next pass sees it.
Only the last pass, when nobody else writes, leaves a copy that is equal in everything, directory
times included, on which the indexes rely. Everything here blocks and belongs to one thread.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from appliance import files
from appliance.errors import PillarboxError
from appliance.store.arriving import ABOUT, FILES, MAIL, is_passing, share
from appliance.store.copying import (
    NewDiskTrouble,
    OldDiskTrouble,
    closing,
    digest_of,
    entries_of,
    found_at,
    is_same_file,
    on_new_disk,
    read_on,
    status_of,
    unreadable,
)
from appliance.store.guard import MARKER
from appliance.store.unread import Unread

_BATCH_FILES, _BATCH_OCTETS = 200, 32 << 20
_RACY_SECONDS = 2.0
_GONE = "The mail disk went away."


@dataclass(slots=True)
class Pass:
    """What one pass found and did."""

    copied: int = 0  # files
    changed: int = 0  # names made, removed or led elsewhere
    left_out: int = 0  # files that changed while they were copied
    octets: float = 0.0  # of all that is the same now, by their share of each name


@dataclass(slots=True)
class _Coming:
    """A file to be copied, and the names it shall have."""

    source: str
    status: os.stat_result
    targets: list[str]
    digest: bytes = b""
    is_whole: bool = False


@dataclass(slots=True)
class Copy:
    """A copy under way, in one folder of the new disk."""

    mail: Path
    arriving: Path
    noticed: Callable[[Pass], None] = lambda _pass: None
    """Called for every file with what the pass did so far; may raise to end it."""
    unread: Unread = field(default_factory=Unread)
    """What the last pass could not read."""
    _now: Pass = field(default_factory=Pass)
    _batch: dict[int, _Coming] = field(default_factory=dict)
    _batch_octets: int = 0
    _seen: dict[str, tuple[int, int]] = field(default_factory=dict)
    _shards: set[str] = field(default_factory=set)
    _unflushed: set[str] = field(default_factory=set)

    @property
    def copied_mail(self) -> Path:
        """The copy."""
        return self.arriving / MAIL

    def begin(self, identity: str) -> None:
        """Make the folders, or find those of a copy that was cut off.

        Raises:
            NewDiskTrouble: they cannot be made.
        """
        with on_new_disk():
            files.make_directories(self.arriving)  # whose it is comes before anything of it
            files.replace(self.arriving / ABOUT, json.dumps({"store": identity}).encode())
            files.make_directories(self.copied_mail)
            files.make_directories(self.arriving / FILES)

    def make_pass(self, *, is_last: bool = False) -> Pass:
        """Go through everything once; `is_last`: nobody changes anything meanwhile.

        Raises:
            NewDiskTrouble, OldDiskTrouble: what was copied stays for the next try.
        """
        self._now, self._batch, self._batch_octets = Pass(), {}, 0
        self.unread = Unread(inodes=self.unread.inodes)
        marker = self._marker()
        self._folder("", is_last=is_last)
        self._finish_batch()
        if self._marker() != marker:  # what vanished with its disk was not deleted
            raise OldDiskTrouble(_GONE)
        if is_last and self._now.left_out:
            raise OldDiskTrouble("Mail was changed while nobody should have changed it.")
        with on_new_disk():
            for index in self.unread.indexes:  # half of one would be believed
                files.remove_tree(self.copied_mail / index)
            if is_last:
                self._set_directory_times("")
            for folder in sorted(self._unflushed):
                with suppress(FileNotFoundError):  # removed by a later pass
                    files.flush_directory(folder)
        self._unflushed.clear()
        return self._now

    def _marker(self) -> tuple[int, bytes]:
        """What shows that the old disk is there, and the same."""
        try:
            return os.stat(self.mail).st_dev, files.read(self.mail / MARKER)
        except (OSError, PillarboxError) as error:
            raise OldDiskTrouble(_GONE) from error

    def _without(
        self, source: str, trouble: PillarboxError, inode: int = 0, targets: Sequence[str] = ()
    ) -> None:
        """Go on without something that the old disk does not give back, if the disk is there."""
        self._marker()
        self.unread.note(source[len(str(self.mail)) + 1 :], trouble, inode)
        with on_new_disk():
            for target in targets:
                if files.unlink_if_there(target):  # it would have another content than it should
                    self._changed(os.path.dirname(target))

    # --- folders

    def _folder(self, below: str, *, is_last: bool) -> None:
        source, target = f"{self.mail}/{below}", f"{self.copied_mail}/{below}"
        began = time.time()
        try:
            status = status_of(source)
        except OldDiskTrouble as trouble:
            self._without(source.rstrip("/"), trouble)
            return
        if status is None:
            return
        with on_new_disk():
            if files.make_directory(target):
                self._changed(os.path.dirname(target.rstrip("/")))
            if stat.S_IMODE(os.stat(target).st_mode) != stat.S_IMODE(status.st_mode):
                files.set_mode(target, stat.S_IMODE(status.st_mode))
        times = (status.st_mtime_ns, status.st_ctime_ns)
        if self._seen.get(below) == times:
            self.noticed(self._now)
            return
        try:
            entries = entries_of(source)
        except OldDiskTrouble as trouble:
            self._without(source.rstrip("/"), trouble)
            return
        here = self._incomplete()
        for entry in entries:
            self._entry(below, entry, target, is_last=is_last)
        self._remove_others(target, {entry.name for entry in entries})
        is_quiet = began - status.st_mtime > _RACY_SECONDS and here == self._incomplete()
        if is_quiet and _never_changes_inside(below):
            self._seen[below] = times

    def _entry(self, below: str, entry: os.DirEntry[str], target: str, *, is_last: bool) -> None:
        if is_passing(below, entry.name):
            return
        try:
            is_folder = entry.is_dir(follow_symlinks=False)
            is_file = entry.is_file(follow_symlinks=False)
        except OSError as error:
            self._without(entry.path, unreadable(entry.path, error))
            return
        if is_folder:
            self._folder(f"{below}/{entry.name}".lstrip("/"), is_last=is_last)
        elif is_file:
            self._file(entry.path, f"{target}/{entry.name}")

    def _incomplete(self) -> int:
        return self._now.left_out + len(self.unread.files) + len(self.unread.indexes)

    def _remove_others(self, target: str, names: set[str]) -> None:
        with on_new_disk():
            for name in set(os.listdir(target)) - names:
                path = f"{target}/{name}"
                if stat.S_ISDIR(os.lstat(path).st_mode):
                    files.remove_tree(Path(path))
                else:
                    files.unlink_if_there(path)
                self._changed(target)

    def _set_directory_times(self, below: str) -> None:
        """From the leaves up: what is done in a directory changes its time."""
        source, target = f"{self.mail}/{below}", f"{self.copied_mail}/{below}"
        for entry in os.scandir(target):
            if entry.is_dir(follow_symlinks=False):
                self._set_directory_times(f"{below}/{entry.name}".lstrip("/"))
        try:
            modified = os.stat(source).st_mtime_ns
        except OSError:  # it could be read before
            return
        if os.stat(target).st_mtime_ns != modified:
            files.set_exact_times(target, modified, modified)

    # --- files

    def _file(self, source: str, target: str) -> None:
        self.noticed(self._now)
        try:
            status = status_of(source)
        except OldDiskTrouble as trouble:
            self._without(source, trouble)
            return
        if status is None or not stat.S_ISREG(status.st_mode):
            return
        waiting = self._batch.get(status.st_ino)
        if waiting is not None:
            waiting.targets.append(target)
            return
        kept = self._path_of(status.st_ino)
        found = found_at(kept)
        if found is not None and is_same_file(found, status):
            if found.st_atime_ns != status.st_ctime_ns:
                found = self._compared(source, kept, status)
            if found is not None:
                self._link(kept, target, status)
                return
        if status.st_ino in self.unread.inodes:
            again = OldDiskTrouble(f"{source} cannot be read.")
            self._without(source, again, status.st_ino, [target])
            return
        self._batch[status.st_ino] = _Coming(source, status, [target])
        self._batch_octets += status.st_size
        if len(self._batch) >= _BATCH_FILES or self._batch_octets >= _BATCH_OCTETS:
            self._finish_batch()

    def _path_of(self, inode: int) -> str:
        shard = f"{self.arriving}/{FILES}/{inode & 0xFF:02x}"
        if shard not in self._shards:
            with on_new_disk():
                if files.make_directory(shard):
                    self._changed(os.path.dirname(shard))
            self._shards.add(shard)
        return f"{shard}/{inode:x}"

    def _compared(self, source: str, kept: str, status: os.stat_result) -> os.stat_result | None:
        """The copy's status if its content is still that of the original."""
        try:
            there = digest_of(source, is_old=True)
        except OldDiskTrouble:  # its copy may have another content: told by whoever copies it
            return None
        with on_new_disk():
            if there is None or there != digest_of(kept):
                return None
            files.set_exact_times(kept, status.st_ctime_ns, status.st_mtime_ns)
            return os.stat(kept)

    def _link(self, kept: str, target: str, status: os.stat_result) -> None:
        self._now.octets += share(status)
        with on_new_disk():
            found = found_at(target)
            if found is not None and found.st_ino == os.stat(kept).st_ino:
                return
            if found is None:
                files.link(kept, target)
            else:
                beside = f"{self.arriving}/{FILES}/name"
                files.unlink_if_there(beside)
                files.link(kept, beside)
                files.rename(beside, target)
            self._changed(os.path.dirname(target))

    def _finish_batch(self) -> None:
        """Copy what waits: all is written, flushed together, and each file is read back."""
        batch, self._batch, self._batch_octets = self._batch, {}, 0
        for inode, coming in batch.items():
            self.noticed(self._now)
            try:
                self._copy(coming, f"{self._path_of(inode)}.part")
            except OldDiskTrouble as trouble:
                self._without(coming.source, trouble, inode, coming.targets)
        if any(each.is_whole for each in batch.values()):
            with on_new_disk():
                files.flush_everything()
        for inode, coming in batch.items():
            if coming.is_whole:
                self._prove(coming, self._path_of(inode))
            self.noticed(self._now)

    def _copy(self, coming: _Coming, part: str) -> None:
        """Write a copy; whole only if the original stayed as it was meanwhile."""
        try:
            reading = os.open(coming.source, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:  # renamed or gone
            self._now.left_out += 1
            return
        except OSError as error:
            raise unreadable(coming.source, error) from error
        digest = hashlib.blake2b()
        with closing(reading):
            before = os.fstat(reading)
            with on_new_disk():
                files.unlink_if_there(part)
                writing = files.open_new(part)
            with closing(writing):
                while chunk := read_on(reading, coming.source):
                    digest.update(chunk)
                    with on_new_disk():
                        files.write(writing, chunk, part)
            after = os.fstat(reading)
        coming.is_whole = before.st_ino == coming.status.st_ino and is_same_file(before, after)
        self._now.left_out += not coming.is_whole
        coming.status, coming.digest = after, digest.digest()

    def _prove(self, coming: _Coming, kept: str) -> None:
        status, part = coming.status, f"{kept}.part"
        with on_new_disk():
            if digest_of(part, flush=True) != coming.digest:
                raise NewDiskTrouble(
                    "The new disk gave back something else than was written to it; it is broken."
                )
            if (mode := stat.S_IMODE(status.st_mode)) != files.PRIVATE_FILE:
                files.set_mode(part, mode)
            files.set_exact_times(part, status.st_ctime_ns, status.st_mtime_ns)
            if os.stat(part).st_mtime_ns != status.st_mtime_ns:
                raise NewDiskTrouble(
                    "The file system of the new disk keeps no exact times; have it formatted."
                )
            files.rename(part, kept)
        self._now.copied += 1
        for target in coming.targets:
            self._link(kept, target, status)

    def _changed(self, folder: str) -> None:
        self._now.changed += 1
        self._unflushed.add(folder)


def _never_changes_inside(below: str) -> bool:
    """Directories whose files are never written to, so their time tells of every change."""
    return os.path.basename(below) in {"cur", "new"}
