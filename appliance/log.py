"""What is written to the log, and how: one line an occurrence, `key=value` behind the words.

    imap: logged in account=anna@office.test peer=192.0.2.7

Fields come from logging's `extra`; only the known ones are written, so nothing gets into the log
by accident. Never a password, never a body, never a subject. Line ends and control characters
that a peer sent are written escaped, so nobody can forge a line.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
from collections import deque
from dataclasses import asdict, dataclass
from pathlib import Path

from appliance import files

FIELDS = (
    "message_id",
    "queue_id",
    "account",
    "mailbox",
    "sender",
    "recipient",
    "peer",
    "remote",
    "security",
    "reply",
    "service",
    "source",
)
KEPT = "log"
"""In STATE: what is worth knowing after a restart."""
_MOST_KEPT = 300
_LONGEST_KEPT = 8_000  # characters of a traceback
_PRIORITY = {
    logging.DEBUG: 7,
    logging.INFO: 6,
    logging.WARNING: 4,
    logging.ERROR: 3,
    logging.CRITICAL: 2,
}


class LineFormatter(logging.Formatter):
    """Writes one occurrence as one line (a traceback of our own bugs follows on more)."""

    def __init__(self, *, for_journal: bool) -> None:
        super().__init__()
        self._for_journal = for_journal

    def format(self, record: logging.LogRecord) -> str:
        """Give the line; systemd's journal gets the priority in front and adds the time itself."""
        line = self.words(record)
        if self._for_journal:
            priority = _PRIORITY.get(record.levelno, 5)
            return "\n".join(f"<{priority}>{part}" for part in line.split("\n"))
        return f"{self.formatTime(record)} {record.levelname.lower()} {line}"

    def words(self, record: logging.LogRecord) -> str:
        """The line without its time and level."""
        place = record.name.removeprefix("pillarbox.")
        line = f"{place}: {escaped(record.getMessage())}"
        for name in FIELDS:
            value = getattr(record, name, None)
            if value is not None and value != "":
                line += f" {name}={escaped(str(value))}"
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


@dataclass(frozen=True, slots=True)
class Line:
    """One occurrence."""

    at: float  # seconds since the epoch
    level: int  # of logging
    text: str


class Ring(logging.Handler):
    """Keeps what was logged lately, so that the page can show it: so many lines and so many
    characters, and never more. May be used from any thread."""

    def __init__(self, lines: int = 2000, characters: int = 500_000) -> None:
        super().__init__()
        self._most, self._most_characters = lines, characters
        self._lines: deque[Line] = deque()
        self._characters = 0
        self._written = b""
        self._formatter = LineFormatter(for_journal=False)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one; the oldest make room. Called by logging under the handler's lock."""
        try:
            text = self._formatter.words(record)[:_LONGEST_KEPT]
        except Exception:  # noqa: BLE001 - as every handler: a bad call of logging ends nothing
            self.handleError(record)
            return
        self._add(Line(record.created, record.levelno, text))

    def _add(self, line: Line) -> None:
        self._lines.append(line)
        self._characters += len(line.text)
        while len(self._lines) > self._most or self._characters > self._most_characters:
            self._characters -= len(self._lines.popleft().text)

    def keep(self, path: Path) -> None:
        """Write what is worth knowing after a restart into a file, unless that is there already:
        the journal of the card is in memory. Blocks. Raises PillarboxError, OSError."""
        lines = self.newest(logging.WARNING, "", _MOST_KEPT)[::-1]
        text = "".join(json.dumps(asdict(line)) + "\n" for line in lines).encode()
        if text != self._written:
            files.replace(path, text)
            self._written = text

    def recall(self, path: Path) -> None:
        """Begin with what was kept; what cannot be read is passed over. Blocks."""
        with contextlib.suppress(OSError):
            for line in files.read(path).splitlines()[-_MOST_KEPT:]:
                with contextlib.suppress(ValueError, TypeError, KeyError):
                    told = json.loads(line)
                    text = str(told["text"])[:_LONGEST_KEPT]
                    self._add(Line(float(told["at"]), int(told["level"]), text))

    def newest(self, level: int, words: str, most: int) -> list[Line]:
        """Those of a level or above that have all the words, whatever their case; newest first."""
        wanted = words.casefold().split()
        self.acquire()
        try:
            kept = list(self._lines)
        finally:
            self.release()
        found: list[Line] = []
        for line in reversed(kept):
            if len(found) == most:
                break
            if line.level >= level and all(each in line.text.casefold() for each in wanted):
                found.append(line)
        return found


RING = Ring()
"""Of this process, as logging itself is."""


def escaped(value: str) -> str:
    """The text with everything that is not printable written as an escape, and bounded."""
    if len(value) > 500:
        value = value[:500] + "..."
    if value.isprintable():
        return value
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in value)


def set_up(level: str = "info") -> None:
    """Send the whole program's log to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter(for_journal="JOURNAL_STREAM" in os.environ))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.getLogger("mail.log").setLevel(logging.ERROR)  # aiosmtpd's own lines name no fields
    logging.getLogger("asyncio").setLevel(logging.WARNING)
