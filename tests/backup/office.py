"""An office with real Maildirs, a real database and drives that are folders."""

from __future__ import annotations

import hashlib
import os
import random
import time
from pathlib import Path

from appliance import files
from appliance.accounts.database import AccountsDatabase
from appliance.accounts.registry import Registry
from appliance.backup import view
from appliance.backup.history import Target
from appliance.backup.job import Outcome
from appliance.backup.process import Watch
from appliance.clock import SetClock
from appliance.copies.backupjob import open_job
from appliance.net import certificates
from appliance.store.store import Store
from appliance.threads import flushed, run_here

HOST = "mail.office.test"
ANNA, BEN = "anna@office.test", "ben@office.test"


def message(number: int, size: int = 2_000) -> bytes:
    body = random.Random(number).randbytes(size * 3 // 8).hex().encode()
    lines = b"\r\n".join(body[at : at + 76] for at in range(0, len(body), 76))
    return (
        b"From: Ben <ben@office.test>\r\nTo: anna@office.test\r\nMessage-ID: <%d@office.test>\r\n"
        b"Subject: Minutes %d\r\n\r\n%b\r\n" % (number, number, lines)
    )


class Office:
    """A box that does not run, its store used on the spot."""

    def __init__(self, folder: Path) -> None:
        """A new office, or the one that was copied into the folder."""
        self.folder = folder
        self.state, self.mail = folder / "state", folder / "state" / "mail"
        is_new = not self.state.exists()
        files.make_directories(self.state)
        self.clock = SetClock(time.time())
        self.database = AccountsDatabase(self.state)
        if is_new:
            self._set_up()
        self.store = Store(self.mail, self.clock, boot="boot")
        self.store.start()
        files.make_directories(self.mail / "queue")
        self.count = 0 if is_new else 13
        self.job = open_job(self.state, self.database, self.clock)
        self.box = self.job.box
        if is_new:
            self.sent(ANNA, "INBOX", 6)
            self.sent(BEN, "INBOX", 3)
            self.sent(ANNA, "Projects/2026", 4)

    def _set_up(self) -> None:
        registry = Registry(self.database, self.clock.wall())
        registry.add_domain("office.test")
        for address in (ANNA, BEN):
            registry.add_account(address, "correct horse")
        (self.state / "settings.toml").write_text('[server]\nhost_name = "mail.office.test"\n')
        certificates.ensure(self.state / "tls", certificates.Names((HOST,), ()), self.clock.wall())

    def sent(self, address: str, mailbox: str, count: int, size: int = 2_000) -> None:
        """So many new messages in somebody's mailbox."""
        home = self.store.home(address)
        infos = run_here(home.list())[0]
        if mailbox not in {one.name for one in infos}:
            run_here(home.create(mailbox))
        box = run_here(home.open(mailbox))[0]
        for _ in range(count):
            self.count += 1
            incoming = box.incoming()
            run_here(incoming.write(message(self.count, size)))
            date = 1_700_000_000 + self.count
            run_here(box.append(incoming, flags=self.count % 4, keywords=[b"$Work"], date=date))
        run_here(flushed(box.directory_flush))
        box.close()
        run_here(self.store.settle())

    def close(self) -> None:
        self.store.unlock()
        self.database.close()

    def drive(self, name: str = "drive") -> Target:
        """A new folder, adopted as a drive."""
        root = self.folder / name
        root.mkdir()
        return self.job.adopt(root)

    def known_drive(self, name: str = "drive") -> Target:
        """The drive that came with a copied office."""
        found = self.job.recognise(self.folder / name)
        assert found is not None
        return found

    def back_up(self, target: Target, watch: Watch | None = None, **more) -> Outcome:
        """One run with what is known of the target now."""
        target = self.job.history.target(target.identity)
        self.clock.advance(60)
        return self.job.run(target, view.freeze_stopped(self.mail), watch=watch or Watch(), **more)


def contents(maildir: Path) -> dict[str, str]:
    """What a Maildir++ holds: folder and permanent name, and a digest of the message."""
    return {
        f"{os.path.dirname(os.path.dirname(path))}/{os.path.basename(path).partition(',')[0]}": (
            hashlib.sha256((maildir / path).read_bytes()).hexdigest()
        )
        for path, _size in view.messages_of(maildir)
    }
