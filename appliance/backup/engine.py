"""The only file that knows restic (0.14 to 0.18): which words make it do what.

A version is one restic snapshot of the view, taken with the view as the working directory so that
its paths are /people/..., /queue/..., /state/... whatever the machine. The host name of a snapshot
is the id of the box. Hard-linking a file changes its ctime, and a new view has new directories, so
ctime and inode are not compared and the version before is named as parent: a run then reads only
what is new. The password is in a file that exists in memory only. Local repositories are used
without a cache, so that what is proven comes from the drive. All of it blocks.
"""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from appliance import files
from appliance.backup import address, process
from appliance.backup.key import Key
from appliance.backup.process import Launch, Progress, Watch
from appliance.backup.trouble import Kind, TargetTrouble, drive_errors, kind_of, says_no_reason

TAG = "pillarbox"
_PASSED_ON = ("PATH", "HOME", "TMPDIR", "SSH_AUTH_SOCK", "SSL_CERT_FILE", "SSL_CERT_DIR")
_SPECIAL = re.compile(r"([\\*?\[])")
_INCLUDES_AT_ONCE = 2_000
_TRIES = 5  # when a session did not begin and nobody said why
HEAD_OCTETS = 64 << 10
"""As much as is read of a message to see who wrote it."""


@dataclass(frozen=True, slots=True)
class Repository:
    """Where the versions are kept."""

    name: str
    """What people call it: "drive A"."""
    location: str
    """A folder, or what restic takes as a repository (sftp:..., s3:...)."""
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    cache: Path | None = None
    """For repositories behind a network."""

    @property
    def folder(self) -> Path | None:
        """The folder, when it is one."""
        return Path(self.location) if self.location.startswith("/") else None


@dataclass(frozen=True, slots=True)
class Version:
    """One snapshot."""

    identity: str
    taken: float
    box: str
    tags: tuple[str, ...] = ()

    @property
    def short(self) -> str:
        """What people type."""
        return self.identity[:8]


@dataclass(frozen=True, slots=True)
class Taken:
    """What a run of backup did."""

    identity: str
    files: int
    files_new: int
    octets: int
    octets_added: int


class Engine:
    """One repository, opened with one key."""

    def __init__(self, repository: Repository, key: Key, *, watch: Watch | None = None) -> None:
        self.repository = repository
        self._key = key
        self.watch = watch or Watch()

    # --- the repository

    def exists(self) -> bool:
        """Whether there is one; only for folders it is known without asking restic."""
        folder = self.repository.folder
        if folder is not None:
            with drive_errors(self.repository.name):
                return (folder / "config").exists()
        try:
            self.versions()
        except TargetTrouble as trouble:
            if trouble.kind is Kind.NOT_THERE:
                return False
            raise
        return True

    def init(self) -> None:
        """Make an empty one."""
        self._run("init")

    def unlock(self) -> None:
        """Remove the locks that killed runs left.

        restic takes a lock for living when any process has the number that is in it, so after a
        power cut a drive would be locked for half an hour. A folder with our marker is used by this
        box alone, and this box does one thing at a time: there what is left is left over.
        """
        folder = self.repository.folder
        if folder is None or _has_files(folder / "locks"):
            self._run("unlock")
        if folder is not None and _has_files(folder / "locks"):
            self._run("unlock", "--remove-all")

    def add_key(self, key: Key) -> None:
        """Let another key open it too."""
        with _secret(key) as (path, descriptor):
            self._run("key", "add", "--new-password-file", path, descriptors=(descriptor,))

    def versions(self) -> list[Version]:
        """All versions, oldest first."""
        lines: list[bytes] = []
        self._run("snapshots", "--json", "--no-lock", on_line=lines.append)
        try:
            found = json.loads(b"".join(lines) or b"null") or []
            versions = [_version(one) for one in found if TAG in (one.get("tags") or ())]
        except (ValueError, KeyError, TypeError, AttributeError):
            raise self._trouble(Kind.DAMAGED, "snapshots") from None
        return sorted(versions, key=lambda version: version.taken)

    # --- taking

    def backup(
        self,
        view: Path,
        box: str,
        tags: Sequence[str] = (),
        *,
        parent: str = "",
        anew: bool = False,
    ) -> Taken:
        """Take a version of all that is in `view`; `anew`: look into every file again."""
        words = ["backup", "--json", "--host", box, "--ignore-ctime", "--ignore-inode"]
        for tag in (TAG, *tags):
            words += ["--tag", tag]
        if anew:
            words += ["--force"]
        elif parent:
            words += ["--parent", parent]
        summary: dict[str, Any] = {}

        def heed(line: bytes) -> None:
            told = _object(line)
            if told.get("message_type") == "summary":
                summary.update(told)
            elif told.get("message_type") == "status":
                self.watch.progress(_progress(told))

        self._run(*words, "--", ".", on_line=heed, cwd=view, fps="2")
        identity = str(summary.get("snapshot_id", ""))
        if not identity:
            raise self._trouble(Kind.UNKNOWN, "restic told no snapshot")
        return Taken(
            self._whole_identity(identity),
            int(summary.get("total_files_processed", 0)),
            int(summary.get("files_new", 0)) + int(summary.get("files_changed", 0)),
            int(summary.get("total_bytes_processed", 0)),
            int(summary.get("data_added", 0)),
        )

    def _whole_identity(self, short: str) -> str:
        folder = self.repository.folder
        if folder is not None:
            with drive_errors(self.repository.name):
                found = [one for one in os.listdir(folder / "snapshots") if one.startswith(short)]
        else:
            found = [one.identity for one in self.versions() if one.identity.startswith(short)]
        if len(found) != 1:
            raise self._trouble(Kind.DAMAGED, f"snapshot {short} is not there")
        return found[0]

    def has_version(self, identity: str) -> bool:
        """Whether a version is there, without opening a local repository."""
        folder = self.repository.folder
        if folder is not None:
            with drive_errors(self.repository.name):
                return (folder / "snapshots" / identity).exists()
        return any(one.identity == identity for one in self.versions())

    # --- looking and giving back

    def check(self, *, part: tuple[int, int] | None = None) -> None:
        """Hold structure and index against the files; with `part` read that part of the data."""
        words = ["check"]
        if part is not None:
            words += ["--read-data-subset", f"{part[0]}/{part[1]}"]
        self._run(*words)

    def walk(self, version: str) -> None:
        """Read all directories of one version and look up where each piece is."""
        self._run("stats", "--mode", "raw-data", "--no-lock", version)

    def list(
        self, version: str, on_node: Callable[[dict[str, Any]], None], below: str = ""
    ) -> None:
        """Each file and folder of a version, or below one of its folders."""

        def heed(line: bytes) -> None:
            node = _object(line)
            if node.get("struct_type") == "node":
                on_node(node)

        more = ["--recursive", version, below] if below else [version]
        self._run("ls", "--json", "--no-lock", *more, on_line=heed)

    def head(self, version: str, path: str) -> bytes:
        """The beginning of a file, up to the first empty line or `HEAD_OCTETS`."""
        lines: list[bytes] = []
        enough = threading.Event()

        def heed(line: bytes) -> None:
            if enough.is_set():
                return
            lines.append(line)
            if not line.strip(b"\r\n") or sum(map(len, lines)) >= HEAD_OCTETS:
                enough.set()

        watch = Watch(alive=self.watch.alive, cancel=enough)
        try:
            self._run("dump", "--no-lock", version, path, on_line=heed, watch=watch)
        except TargetTrouble as trouble:
            if trouble.kind is not Kind.CANCELLED:
                raise
        return b"".join(lines)[:HEAD_OCTETS]

    def restore(self, version: str, scratch: Path, paths: Sequence[str] = ()) -> None:
        """Put a version, or some paths of it, below a folder; paths as in the version."""
        for start in range(0, max(len(paths), 1), _INCLUDES_AT_ONCE):
            words = ["restore", "--no-lock", version, "--target", str(scratch)]
            for path in paths[start : start + _INCLUDES_AT_ONCE]:
                words += ["--include", _SPECIAL.sub(r"\\\1", path)]
            self._run(*words)

    # --- making room and mending

    def forget(self, identities: Sequence[str]) -> None:
        """Give up versions; `prune` makes the room."""
        self._run("forget", *identities)

    def prune(self, *, without_room: bool = False) -> None:
        """Remove what no version needs; on a full drive without writing anything anew."""
        limit = ("--max-repack-size", "0") if without_room else ("--max-unused", "10%")
        self._run("prune", *limit)

    def rebuild_index(self) -> None:
        """Make the index anew from what is there (the command has another name since 0.16)."""
        try:
            self._run("repair", "index")
        except TargetTrouble as trouble:
            if "unknown command" not in trouble.details:
                raise
            self._run("rebuild-index")

    # --- how it is called

    def _run(
        self,
        *words: str,
        on_line: Callable[[bytes], None] | None = None,
        cwd: Path | None = None,
        descriptors: tuple[int, ...] = (),
        fps: str = "1",
        watch: Watch | None = None,
    ) -> None:
        repository = self.repository
        cache = ("--cache-dir", str(repository.cache)) if repository.cache else ("--no-cache",)
        with _secret(self._key) as (path, descriptor):
            environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
            environment |= repository.environment
            environment |= {
                "RESTIC_REPOSITORY": address.with_login(
                    repository.location, repository.environment
                ),
                "RESTIC_PASSWORD_FILE": path,
                "RESTIC_PROGRESS_FPS": fps,
                "GOMEMLIMIT": "300MiB",
                "GOMAXPROCS": str(max(2, (os.cpu_count() or 2) - 1)),  # of four, one is for mail
                "LC_ALL": "C.UTF-8",
            }
            launch = Launch(
                ("restic", *words[:1], *cache, *words[1:]),
                environment,
                cwd or Path("/"),
                (descriptor, *descriptors),
            )
            for _ in range(_TRIES):
                ended = process.run(launch, watch or self.watch, on_line)
                if ended.because is not None or not says_no_reason(ended.said):
                    break
        if ended.because is not None:
            raise self._trouble(ended.because, ended.said)
        if ended.status in {126, 127}:
            raise self._trouble(Kind.NO_ENGINE, ended.said)
        if ended.status != 0:
            raise self._trouble(kind_of(ended.status, ended.said), ended.said)

    def _trouble(self, kind: Kind, details: str) -> TargetTrouble:
        return TargetTrouble(kind, self.repository.name, details)


@contextmanager
def _secret(key: Key) -> Iterator[tuple[str, int]]:
    """A file that only this process and the child can see, with the password in it."""
    descriptor = os.memfd_create("backup-key", os.MFD_CLOEXEC)
    try:
        files.write(descriptor, key.password.encode(), "backup-key")
        yield f"/proc/self/fd/{descriptor}", descriptor
    finally:
        os.close(descriptor)


def _has_files(folder: Path) -> bool:
    try:
        return bool(os.listdir(folder))
    except OSError:
        return True


def _object(line: bytes) -> dict[str, Any]:
    try:
        told = json.loads(line)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _progress(told: dict[str, Any]) -> Progress:
    left = told.get("seconds_remaining")
    return Progress(
        float(told.get("percent_done", 0.0)),
        int(told.get("bytes_done", 0)),
        None if left is None else float(left),
        "copying",
    )


def _version(told: dict[str, Any]) -> Version:
    return Version(
        str(told["id"]),
        read_time(str(told["time"])),
        str(told.get("hostname", "")),
        tuple(told.get("tags") or ()),
    )


def read_time(text: str) -> float:
    """Seconds since the epoch of a time as restic writes it (nine digits of a second)."""
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d*", r"\1", text)).timestamp()
