"""A disk that forgets, when the power goes, everything that was not flushed.

It sits under `appliance.files`: names given or taken away are undone unless their directory was
flushed after, and files are cut to what was flushed. A real file system may keep more; it never
keeps less.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from appliance import files


def text(path) -> str:
    return os.fsdecode(path)


class LossyDisk:
    """Records what is not durable yet; `cut_power` takes it away."""

    def __init__(self, trash: Path, monkeypatch) -> None:
        self.trash = trash
        trash.mkdir()
        self.undo: list[tuple[str, Callable[[], None]]] = []  # directory, how
        self.flushed: dict[int, int] = {}  # inode: octets that are durable
        self.kept = 0
        for name in ("rename", "link", "unlink", "open_new", "open_append", "write", "flush"):
            monkeypatch.setattr(files, name, self.around(getattr(files, name), getattr(self, name)))
        for name in ("flush_directory", "make_directory", "truncate"):
            monkeypatch.setattr(files, name, self.around(getattr(files, name), getattr(self, name)))

    @staticmethod
    def around(real: Callable, ours: Callable) -> Callable:
        return lambda *args, **more: ours(real, *args, **more)

    def later(self, path, how: Callable[[], None]) -> None:
        self.undo.append((os.path.dirname(text(path)), how))

    def keep(self, path) -> str:
        """A second name for a file about to lose this one."""
        self.kept += 1
        kept = str(self.trash / str(self.kept))
        os.link(path, kept)
        return kept

    # --- the acts

    def rename(self, real, old, new) -> None:
        replaced = self.keep(new) if os.path.isfile(new) else None
        real(old, new)

        def back() -> None:
            os.rename(new, old)
            if replaced is not None:
                os.link(replaced, new)

        self.later(new, back)

    def link(self, real, old, new) -> None:
        real(old, new)
        self.later(new, lambda: os.unlink(new))

    def unlink(self, real, path) -> None:
        kept = self.keep(path) if os.path.isfile(path) else None
        real(path)
        if kept is not None:
            self.later(path, lambda: os.link(kept, path))

    def open_new(self, real, path, **more) -> int:
        fd = real(path, **more)
        self.flushed[os.fstat(fd).st_ino] = 0
        self.later(path, lambda: os.unlink(path))
        return fd

    def open_append(self, real, path) -> int:
        is_new = not os.path.exists(path)
        fd = real(path)
        if is_new:
            self.flushed[os.fstat(fd).st_ino] = 0
            self.later(path, lambda: os.unlink(path))
        return fd

    def make_directory(self, real, path) -> bool:
        made = real(path)
        if made:
            self.later(path, lambda: shutil.rmtree(path))
        return made

    def write(self, real, fd, data, path="") -> None:
        stat = os.fstat(fd)
        self.flushed.setdefault(stat.st_ino, stat.st_size)
        real(fd, data, path)

    def truncate(self, real, fd, length, path="") -> None:
        real(fd, length, path)
        inode = os.fstat(fd).st_ino
        self.flushed[inode] = min(self.flushed.get(inode, length), length)

    def flush(self, real, fd, path="") -> None:
        real(fd, path)
        stat = os.fstat(fd)
        self.flushed[stat.st_ino] = stat.st_size

    def flush_directory(self, real, path) -> None:
        real(path)
        flushed = text(path).rstrip("/")
        self.undo = [(directory, how) for directory, how in self.undo if directory != flushed]

    # --- the end

    def cut_power(self, root: Path) -> None:
        """Take away all that was not durable."""
        for _, how in reversed(self.undo):
            with contextlib.suppress(OSError):
                how()
        self.undo.clear()
        for directory, _, names in os.walk(root):
            for name in names:
                path = os.path.join(directory, name)
                stat = os.stat(path)
                if self.flushed.get(stat.st_ino, stat.st_size) < stat.st_size:
                    os.truncate(path, self.flushed[stat.st_ino])
