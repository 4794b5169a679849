"""The only file that writes, links, renames, removes and flushes. Everything here blocks.

Durability in one paragraph: data is durable after `flush(fd)`, a name is durable after
`flush_directory` of the directory that holds it. A flush that failed means *not stored*; it is
never tried again on the same data, because the kernel may have dropped it (the error is reported
once). Who reports success to a client has called both, or a `Shared` of them.

Faults are injected through `fault`: tests put a function there that is called before and after
every act with its name and path, and that may raise or end the process.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from appliance.errors import StorageFull, StorageOffline, StorageReadOnly

PRIVATE_FILE = 0o600
PRIVATE_DIRECTORY = 0o700

_FULL = frozenset((errno.ENOSPC, errno.EDQUOT))
_OFFLINE = frozenset((errno.EIO, errno.ENODEV, errno.ENXIO, errno.ESTALE, errno.ENOTCONN))

PathLike = str | bytes | os.PathLike[str]


def _no_fault(act: str, path: PathLike) -> None:
    """Replaced by tests."""


fault: Callable[[str, PathLike], None] = _no_fault
"""Called as fault("before write", path) and fault("after write", path) around every act."""


@contextlib.contextmanager
def act(name: str, path: PathLike) -> Iterator[None]:
    """Surround one act with the fault hook and turn the disk's errors into ours.

    Raises:
        StorageFull: no room left (ENOSPC, EDQUOT).
        StorageOffline: the disk is gone, failing or read-only.
        OSError: anything else (ENOENT, EEXIST, ...), which callers handle.
    """
    try:
        fault(f"before {name}", path)
        yield
        fault(f"after {name}", path)
    except OSError as error:
        raise explained(error) from error


def explained(error: OSError) -> Exception:
    """The house's error for an operating system error, or that error itself."""
    if error.errno in _FULL:
        return StorageFull("The mail disk is full.")
    if error.errno == errno.EROFS:
        return StorageReadOnly("The mail disk can only be read at the moment.")
    if error.errno in _OFFLINE:
        return StorageOffline(f"The mail disk does not work ({error.strerror}).")
    return error


def open_new(path: PathLike, *, read: bool = False) -> int:
    """Create a file that must not be there yet, readable by us only; return its descriptor."""
    with act("create", path):
        mode = os.O_RDWR if read else os.O_WRONLY
        return os.open(path, mode | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE_FILE)


def open_append(path: PathLike) -> int:
    """Open a file for appending and reading, creating it if needed."""
    with act("create", path):
        return os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)


def open_existing(path: PathLike) -> int:
    """Open a file that is there for writing from its start, without shortening it."""
    with act("create", path):
        return os.open(path, os.O_RDWR | os.O_CLOEXEC)


def write(fd: int, data: bytes | bytearray | memoryview, path: PathLike = "") -> None:
    """Write all of `data`; a short write is continued."""
    with act("write", path):
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view) :]


def write_vector(fd: int, pieces: Sequence[bytes], path: PathLike = "") -> None:
    """Write several pieces as one."""
    write(fd, b"".join(pieces), path)


def insert(fd: int, at: int, data: bytes, path: PathLike = "") -> None:
    """Put octets into a file before those at a place; not for what was promised to be there."""
    with act("insert", path):
        end = os.fstat(fd).st_size
        while end > at:
            start = max(at, end - (1 << 20))
            _write_at(fd, os.pread(fd, end - start, start), start + len(data))
            end = start
        _write_at(fd, data, at)
        os.lseek(fd, 0, os.SEEK_END)


def _write_at(fd: int, data: bytes, at: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(fd, view, at)
        view, at = view[written:], at + written


def flush(fd: int, path: PathLike = "") -> None:
    """Make the file's data and length durable."""
    with act("flush", path):
        os.fdatasync(fd)
        _is_still_written(fd)


def flush_directory(path: PathLike) -> None:
    """Make the names in a directory durable."""
    with act("flush directory", path):
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
            _is_still_written(fd)
        finally:
            os.close(fd)


def _is_still_written(fd: int) -> None:
    """Raise OSError if the file system has given up, which a flush may not have been told.

    ext4 answers a flush "done" when the transaction that it waits for has ended, also when that
    ended because the disk went at this moment. Whoever wants to change something is told, so this
    asks for a change that there is nothing to do for; it takes two microseconds.
    """
    try:
        os.removexattr(fd, "user.pillarbox.none")
    except OSError as error:
        if error.errno == errno.EROFS or error.errno in _OFFLINE:
            raise


def flush_everything() -> None:
    """Have the system write out all that any program has changed; may take a while."""
    with act("flush everything", "/"):
        os.sync()


def rename(old: PathLike, new: PathLike) -> None:
    """Give a file its new name, replacing what had it."""
    with act("rename", new):
        os.rename(old, new)


def link(old: PathLike, new: PathLike) -> None:
    """Give a file a second name. Raises FileExistsError when the name is taken."""
    with act("link", new):
        os.link(old, new)


def unlink(path: PathLike) -> None:
    """Take a name away. Raises FileNotFoundError when there is none."""
    with act("unlink", path):
        os.unlink(path)


def unlink_if_there(path: PathLike) -> bool:
    """Take a name away if it is there; say whether it was."""
    try:
        unlink(path)
    except FileNotFoundError:
        return False
    return True


def truncate(fd: int, length: int, path: PathLike = "") -> None:
    """Cut a file to `length` octets."""
    with act("truncate", path):
        os.ftruncate(fd, length)


def allocate(fd: int, length: int, path: PathLike = "") -> None:
    """Take this many octets of the disk for a file, which are zero."""
    with act("allocate", path):
        os.posix_fallocate(fd, 0, length)


def make_directory(path: PathLike) -> bool:
    """Make one directory, ours only; say whether it was made now."""
    try:
        with act("make directory", path):
            os.mkdir(path, PRIVATE_DIRECTORY)
    except FileExistsError:
        return False
    return True


def make_directories(path: Path, *, durable: bool = True) -> None:
    """Make a directory and all above it; each new name is durable on return."""
    missing = []
    current = path
    while not current.is_dir():
        missing.append(current)
        current = current.parent
    for directory in reversed(missing):
        if make_directory(directory) and durable:
            flush_directory(directory.parent)


def remove_directory(path: PathLike) -> None:
    """Remove an empty directory."""
    with act("remove directory", path):
        os.rmdir(path)


def remove_tree(path: Path) -> None:
    """Remove a directory and all below it; what is gone already is no error."""
    try:
        entries = list(os.scandir(path))
    except FileNotFoundError:
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            remove_tree(Path(entry.path))
        else:
            unlink_if_there(entry.path)
    with contextlib.suppress(FileNotFoundError):
        remove_directory(path)


def replace(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Replace a small file's whole content; a reader sees the old or the new, never a mixture.

    Durable on return unless told otherwise (then a power cut may leave the old content).
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    unlink_if_there(beside)
    fd = open_new(beside)
    try:
        write(fd, data, beside)
        if durable:
            flush(fd, beside)
    finally:
        os.close(fd)
    rename(beside, path)
    if durable:
        flush_directory(path.parent)


def write_plainly(path: PathLike, data: bytes) -> None:
    """Write a file that nobody has been promised; not durable."""
    fd = open_new(path)
    try:
        write(fd, data, path)
    finally:
        os.close(fd)


def copy_file(source: PathLike, target: PathLike) -> None:
    """Copy a file to a new name, its data durable; for disks that cannot link."""
    with open(source, "rb") as reading:
        fd = open_new(target)
        try:
            while chunk := reading.read(1 << 18):
                write(fd, chunk, target)
            flush(fd, target)
        finally:
            os.close(fd)


def set_times(path: PathLike, seconds: float) -> None:
    """Set a file's modification time (the internal date of a message)."""
    with act("set times", path):
        os.utime(path, (seconds, seconds))


def set_exact_times(path: PathLike, accessed: int, modified: int) -> None:
    """Set a file's or directory's times to the nanosecond."""
    with act("set times", path):
        os.utime(path, ns=(accessed, modified))


def set_mode(path: PathLike, mode: int) -> None:
    """Set who may do what with a file or directory."""
    with act("set mode", path):
        os.chmod(path, mode)


def read(path: PathLike) -> bytes:
    """The whole content of a small file."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise explained(error) from error
