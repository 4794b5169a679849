"""What copying mail to another disk is made of: looking, reading back, and whose trouble it was."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from appliance import files
from appliance.errors import PillarboxError, StorageFull, StorageOffline, Temporary

_CHUNK = 1 << 20


class NewDiskTrouble(Temporary):
    """The disk that mail is copied to is full, gone, failing or forgetful."""


class OldDiskTrouble(Temporary):
    """Something on the disk that mail is copied from cannot be read."""


def is_same_file(copy: os.stat_result, status: os.stat_result) -> bool:
    """Whether nothing was written to it since."""
    return (copy.st_size, copy.st_mtime_ns) == (status.st_size, status.st_mtime_ns)


def status_of(source: str) -> os.stat_result | None:
    """Of something on the old disk; None when it is gone. Raises OldDiskTrouble."""
    try:
        return os.lstat(source)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise unreadable(source, error) from error


def entries_of(source: str) -> list[os.DirEntry[str]]:
    """What is in a folder of the old disk, in order. Raises OldDiskTrouble."""
    try:
        return sorted(os.scandir(source), key=lambda each: each.name)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise unreadable(source, error) from error


def found_at(path: str) -> os.stat_result | None:
    """What is there on the new disk, if anything. Raises NewDiskTrouble."""
    with on_new_disk():
        try:
            return os.lstat(path)
        except FileNotFoundError:
            return None


def read_on(reading: int, source: str) -> bytes:
    """The next octets of a file on the old disk. Raises OldDiskTrouble."""
    try:
        return os.read(reading, _CHUNK)
    except OSError as error:
        raise unreadable(source, error) from error


def digest_of(path: str, *, flush: bool = False, is_old: bool = False) -> bytes | None:
    """Of what the disk itself gives back; None when the file is gone (of the old disk)."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        if is_old:
            return None
        raise
    except OSError as error:
        if is_old:
            raise unreadable(path, error) from error
        raise
    digest = hashlib.blake2b()
    with closing(fd):
        if flush:  # all was written out before: this costs little, and tells of errors
            files.flush(fd, path)
        if not is_old:
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        while chunk := read_on(fd, path) if is_old else os.read(fd, _CHUNK):
            digest.update(chunk)
    return digest.digest()


@contextmanager
def closing(fd: int) -> Iterator[None]:
    """Have it closed at the end."""
    try:
        yield
    finally:
        with suppress(OSError):
            os.close(fd)


@contextmanager
def on_new_disk() -> Iterator[None]:
    """What a disk does, said of the new one."""
    try:
        yield
    except NewDiskTrouble:
        raise
    except StorageFull as error:
        raise NewDiskTrouble("The new disk is full.") from error
    except StorageOffline as error:
        raise NewDiskTrouble("The new disk is gone, or fails.") from error
    except OSError as error:
        said = files.explained(error)
        why = "is full" if isinstance(said, StorageFull) else "is gone, or fails"
        raise NewDiskTrouble(f"The new disk {why} ({error.strerror}).") from error


def unreadable(path: str, error: OSError) -> PillarboxError:
    """What to raise when the old disk does not let us read."""
    return OldDiskTrouble(f"{path} cannot be read from the mail disk ({error.strerror}).")
