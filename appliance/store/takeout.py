"""All mail of one account as a ZIP that is made while it is sent: nothing is written anywhere.

A mailbox is a file in the mbox format (RFC 4155; a line that begins with "From " gets a ">"), laid
out as Thunderbird keeps its local folders: `Mail/Projects` and below it `Mail/Projects.sbd/2026`.
Blocks; made of what is there, so a message that is moved meanwhile may be missed or be there twice.
"""

from __future__ import annotations

import os
import re
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal, cast

from appliance.store import flags, names

CHUNK = 256 << 10
"""Octets that are sent at once, about."""
_LINE = 64 << 10
_INTO_IT: Literal["w"] = "w"
_PASSED = 0x1000
_ZIP64_FROM = 1 << 30  # with room for what mbox adds before 4 GiB are reached
_READ_ME = """Your mail.

The folder "Mail" is laid out as Thunderbird keeps its local folders. To open it there: in
Thunderbird choose Account Settings, Local Folders and look at the "Local Directory"; close
Thunderbird; copy what is in "Mail" into that directory; open Thunderbird again. Each file is a
folder in the mbox format, which many other programs read, too.

Ihre Mail.

Der Ordner "Mail" ist so angelegt, wie Thunderbird seine lokalen Ordner ablegt. So wird er dort
geöffnet: In Thunderbird Konten-Einstellungen, Lokale Ordner wählen und nach "Lokaler Ordner"
sehen; Thunderbird beenden; den Inhalt von "Mail" dorthin kopieren; Thunderbird wieder öffnen.
Jede Datei ist ein Ordner im Format mbox, das auch viele andere Programme lesen.
"""


@dataclass(frozen=True, slots=True)
class Size:
    """What there is to take."""

    messages: int
    octets: int


@dataclass(frozen=True, slots=True)
class _Mailbox:
    folder: Path
    entry: str
    """Its name in the ZIP."""


def size_of(home: Path) -> Size:
    """How much an account has."""
    found = [entry.stat().st_size for box in _mailboxes(home) for entry in _entries(box.folder)]
    return Size(len(found), sum(found))


def packed(home: Path, now: float) -> Iterator[bytes]:
    """The ZIP, piece by piece; memory does not grow with it.

    Raises:
        OSError: the mail disk does not answer; what was sent until then is no whole ZIP.
    """
    pipe = _Pipe()
    made = time.localtime(now)[:6]
    opened = cast(IO[bytes], pipe)  # ZipFile asks for no more of what it only writes to
    with zipfile.ZipFile(opened, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr(zipfile.ZipInfo("read me.txt", made), _READ_ME.encode())
        for box in _mailboxes(home):
            entries = sorted(_entries(box.folder), key=lambda e: names.sort_key(e.name.encode()))
            is_large = sum(each.stat().st_size for each in entries) > _ZIP64_FROM
            told = zipfile.ZipInfo(box.entry, made)
            told.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(told, _INTO_IT, force_zip64=is_large) as file:
                for each in entries:
                    yield from _message(file, pipe, box.folder, each)
    yield pipe.taken()


def _message(
    file: IO[bytes], pipe: _Pipe, folder: Path, entry: os.DirEntry[str]
) -> Iterator[bytes]:
    opened = _opened(folder, entry)
    if opened is None:
        return
    with opened as message:
        named = os.fsencode(os.path.basename(message.name))
        base, _, letters = named.partition(b":2,")
        date = names.sort_key(base)[0]
        file.write(b"From - %b\r\n" % time.asctime(time.gmtime(date)).encode())
        file.write(b"X-Mozilla-Status: %04x\r\nX-Mozilla-Status2: 00000000\r\n" % _status(letters))
        begins, last = True, b"\n"
        while line := message.readline(_LINE):
            if begins and re.match(rb">*From ", line):
                file.write(b">")
            file.write(line)
            begins, last = line.endswith(b"\n"), line
            if len(pipe) >= CHUNK:
                yield pipe.taken()
        file.write(b"\r\n" if last.endswith(b"\n") else b"\r\n\r\n")
    if len(pipe) >= CHUNK:
        yield pipe.taken()


def _status(letters: bytes) -> int:
    """As Thunderbird writes it: 1 read, 2 answered, 4 marked, 0x1000 passed on."""
    system = flags.from_letters(letters)[0]
    found = 1 * bool(system & flags.SEEN) | 2 * bool(system & flags.ANSWERED)
    found |= 4 * bool(system & flags.FLAGGED)
    return found | (_PASSED if flags.PASSED in letters else 0)


def _opened(folder: Path, entry: os.DirEntry[str]) -> IO[bytes] | None:
    """The message, also when a flag gave it another name meanwhile; None when it is gone."""
    try:
        return open(entry.path, "rb")
    except FileNotFoundError:
        base = entry.name.partition(":2,")[0]
        for there in _entries(folder):
            if there.name.partition(":2,")[0] == base:
                return open(there.path, "rb")
        return None


def _mailboxes(home: Path) -> list[_Mailbox]:
    found, taken = [_Mailbox(home, "Mail/Inbox")], {"mail/inbox"}
    for directory in sorted(os.listdir(home)):
        name = names.mailbox_name(directory) if directory.startswith(".") else None
        if name is None or not (home / directory / "cur").is_dir():
            continue
        entry = "Mail/" + ".sbd/".join(_plain(level) for level in name.split(names.SEPARATOR))
        while entry.casefold() in taken:
            entry += "_"
        taken.add(entry.casefold())
        found.append(_Mailbox(home / directory, entry))
    return found


def _plain(level: str) -> str:
    """A name that every file system takes."""
    return re.sub(r'[<>:"/\\|?*\x00-\x1f]', "_", level).strip(". ")[:100] or "_"


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    return [entry for part in ("new", "cur") for entry in os.scandir(folder / part)]


class _Pipe:
    """What a ZIP is written to: kept until it is taken."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._octets = 0

    def __len__(self) -> int:
        return self._octets

    def write(self, data: bytes) -> int:
        """Keep some octets; how many."""
        self._pieces.append(bytes(data))
        self._octets += len(data)
        return len(data)

    def flush(self) -> None:
        """There is nothing behind it."""

    def taken(self) -> bytes:
        """What was written since this was asked last."""
        pieces, self._pieces, self._octets = self._pieces, [], 0
        return b"".join(pieces)
