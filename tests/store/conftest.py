"""A store in a temporary folder, its steps carried out on the spot."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance import files
from appliance.clock import SetClock
from appliance.store.home import Home
from appliance.store.mailbox import Mailbox
from appliance.store.store import Store
from appliance.threads import run_here

ADDRESS = "anna@office.test"
MESSAGE = b"From: Ben <ben@office.test>\r\nSubject: Minutes\r\n\r\nHello Anna\r\n"


class Bench:
    """One store, and shorthands for what tests do all the time."""

    def __init__(self, mail: Path) -> None:
        self.mail = mail
        self.clock = SetClock(2_000_000_000.0)  # later than all files: no racy times
        self.boot = "boot-1"
        self.store = Store(mail, self.clock, boot=self.boot)
        self.store.start()
        self.spooled = 0

    # --- the store

    @property
    def home(self) -> Home:
        return self.store.home(ADDRESS)

    def open(self, name: str = "INBOX") -> Mailbox:
        return run_here(self.home.open(name))[0]

    def restart(self) -> None:
        """Ended in order and begun again."""
        run_here(self.store.settle())
        self.store.stop()
        self._begin()

    def kill(self, *, power: bool = False) -> None:
        """Ended by SIGKILL (or with the power) and begun again."""
        self.store.unlock()
        if power:
            self.boot += "x"
        self._begin()

    def kill_while_full(self) -> None:
        """A kill; the machine's own small writes at the start still succeed."""
        fault, files.fault = files.fault, lambda _act, _path: None
        self.kill()
        files.fault = fault

    def lose_index(self) -> None:
        """Ended in order; then somebody deletes the index."""
        run_here(self.store.settle())
        self.store.stop()
        shutil.rmtree(self.mail / "index")
        self._begin()

    def _begin(self) -> None:
        self.store = Store(self.mail, self.clock, boot=self.boot)
        self.store.start()

    def tick(self, seconds: float = 1.0) -> None:
        self.clock.advance(seconds)
        run_here(self.store.tick())

    # --- messages

    def append(self, box: Mailbox, message: bytes = MESSAGE, **more) -> int:
        incoming = box.incoming()
        run_here(incoming.write(message))
        return run_here(box.append(incoming, **more))[0]

    def deliver(
        self, box: Mailbox, message: bytes = MESSAGE, unique: str = "", **more
    ) -> int | None:
        self.spooled += 1
        source = self.mail / f"spooled-{self.spooled}"
        source.write_bytes(message)
        unique = unique or f"Q{self.spooled}R1"
        return run_here(
            box.deliver(source, unique, size=len(message), date=self.clock.wall(), **more)
        )[0]

    def read(self, box: Mailbox, uid: int) -> bytes:
        return run_here(box.read(uid))[0]

    def files(self, name: str = "") -> list[str]:
        """Message files of a folder, as new/NAME and cur/NAME."""
        folder = self.mail / "people" / ADDRESS / name
        return sorted(f"{d}/{f.name}" for d in ("new", "cur") for f in (folder / d).iterdir())

    def path(self, uid: int, name: str = "") -> Path:
        """The file of a message."""
        end = f",U={uid}"
        (found,) = (one for one in self.files(name) if one.partition(":2,")[0].endswith(end))
        return self.folder(name) / found

    def folder(self, name: str = "") -> Path:
        return self.mail / "people" / ADDRESS / name

    def index(self, name: str = "INBOX") -> Path:
        return self.mail / "index" / ADDRESS / name


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path / "mail")
    yield bench
    bench.store.unlock()
