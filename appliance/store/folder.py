"""The small files of one folder that say who it is, and the numbers handed out from them.

    .uidvalidity        UIDVALIDITY and a UID ceiling, a line each (mbsync's native scheme)
    dovecot-keywords    `0 $Forwarded` a line: what the letters a to z mean
    pillarbox-mailbox   `id`, `modseq` (a ceiling as well) and `special`, a word and a value a line

A ceiling is the highest number that may have been given out. It is raised by a block, durably,
before the first number of the block is used; after a crash counting goes on above it. So a UID is
never used twice, and a MODSEQ never goes back, even when the index and the last seconds are lost.
Everything here runs in the mailbox's lane, in a thread.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from pathlib import Path

from appliance import files
from appliance.store.flags import KEYWORDS_AT_MOST

UID_BLOCK = 1_000
MODSEQ_BLOCK = 1 << 20
UID_LEAP, MODSEQ_LEAP = 1_000_000, 1 << 32
"""More than a mailbox is given between two backups."""
UID_AT_MOST = 0xFFFF_FFFE

_KEYWORD_LINE = re.compile(rb"(\d{1,2}) (\S{1,200})")
_SPECIAL = re.compile(rb"\\[A-Za-z]{1,30}")


class Folder:
    """Identity of the folder at `path`; `load` first."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.uidvalidity = 0
        self.uid_ceiling = 0
        self.modseq_ceiling = 0
        self.mailbox_id = b""
        self.special_use = b""
        self.keywords: tuple[bytes, ...] = ()

    def load(self) -> None:
        """Read what is there; what is missing or broken stays 0 or empty."""
        found = re.match(
            rb"(\d{1,10})\s+(\d{1,10})\s", _content(self.path / ".uidvalidity") + b"\n"
        )
        if found:
            self.uidvalidity, self.uid_ceiling = int(found[1]), int(found[2])
        for line in _content(self.path / "pillarbox-mailbox").splitlines():
            word, _, value = line.partition(b" ")
            if word == b"id" and re.fullmatch(rb"[A-Za-z0-9_-]{1,64}", value):
                self.mailbox_id = value
            elif word == b"modseq" and re.fullmatch(rb"\d{1,19}", value):
                self.modseq_ceiling = min(int(value), (1 << 63) - 1)
            elif word == b"special" and _SPECIAL.fullmatch(value):
                self.special_use = value
        self.read_keywords()

    def read_keywords(self) -> None:
        """Read what the letters mean; another program may have added some."""
        names: dict[int, bytes] = {}
        for line in _content(self.path / "dovecot-keywords").splitlines():
            found = _KEYWORD_LINE.fullmatch(line)
            if found and int(found[1]) < KEYWORDS_AT_MOST:
                names[int(found[1])] = found[2]
        last = max(names, default=-1)
        self.keywords = tuple(names.get(bit, b"unknown-%c" % (97 + bit)) for bit in range(last + 1))

    def found(self, uidvalidity: int, modseq: int, special_use: bytes = b"") -> None:
        """Write the identity of a new folder, or of one that lost it."""
        self.uidvalidity = uidvalidity
        self.mailbox_id = self.mailbox_id or b"M" + secrets.token_hex(12).encode()
        self.special_use = special_use or self.special_use
        self.raise_modseq_ceiling(modseq)
        self._write_uids(self.uid_ceiling)

    def raise_uid_ceiling(self, beyond: int) -> None:
        """Make `beyond` and a block after it usable, durably."""
        on_disk = Folder(self.path)
        on_disk.load()  # mbsync may have raised it meanwhile
        self._write_uids(min(max(beyond, on_disk.uid_ceiling) + UID_BLOCK, UID_AT_MOST))

    def leap(self) -> None:
        """A backup was put here: what was given out after it was made is not given out again
        (RFC 9051 §2.3.1.1), since counting goes on far above. Durable."""
        if self.uidvalidity:
            self._write_uids(min(self.uid_ceiling + UID_LEAP, UID_AT_MOST))
            self.raise_modseq_ceiling(self.modseq_ceiling + MODSEQ_LEAP)

    def raise_modseq_ceiling(self, beyond: int) -> None:
        """Make a block of MODSEQ values after `beyond` usable, durably."""
        ceiling = max(self.modseq_ceiling, beyond + MODSEQ_BLOCK)
        self._write_mailbox(ceiling, self.special_use)
        self.modseq_ceiling = ceiling

    def set_special_use(self, special_use: bytes) -> None:
        """Say what the mailbox is for (RFC 6154), durably."""
        self._write_mailbox(self.modseq_ceiling, special_use)
        self.special_use = special_use

    def add_keywords(self, names: Iterable[bytes]) -> None:
        """Give letters to keywords that have none yet, as far as there are letters; durably."""
        known = {name.lower() for name in self.keywords}
        keywords = list(self.keywords)
        for name in names:
            if name.lower() not in known and len(keywords) < KEYWORDS_AT_MOST:
                known.add(name.lower())
                keywords.append(name)
        if len(keywords) == len(self.keywords):
            return
        lines = b"".join(b"%d %b\n" % pair for pair in enumerate(keywords))
        files.replace(self.path / "dovecot-keywords", lines)
        self.keywords = tuple(keywords)

    def _write_uids(self, ceiling: int) -> None:
        files.replace(self.path / ".uidvalidity", b"%d\n%d\n" % (self.uidvalidity, ceiling))
        self.uid_ceiling = ceiling

    def _write_mailbox(self, modseq: int, special_use: bytes) -> None:
        special = b"special %b\n" % special_use if special_use else b""
        content = b"id %b\nmodseq %d\n%b" % (self.mailbox_id, modseq, special)
        files.replace(self.path / "pillarbox-mailbox", content)


def _content(path: Path) -> bytes:
    try:
        return files.read(path)
    except (FileNotFoundError, IsADirectoryError, PermissionError):
        return b""
