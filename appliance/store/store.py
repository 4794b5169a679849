"""The mail of all accounts on one disk: beginning, the second-by-second chores, the end.

One daemon owns MAIL: a lock file with its process id is held while it runs. Without the disk
everything answers StorageOffline, and `tick` looks whether it is back; what was open then is
closed, because its descriptors belong to the disk that was pulled out.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from appliance import files
from appliance.ballast import ballast_of
from appliance.clock import Clock
from appliance.errors import PillarboxError, Refused, StorageOffline
from appliance.store import check, names
from appliance.store.freezing import Frozen
from appliance.store.guard import Guard
from appliance.store.holding import HELD, Holding
from appliance.store.home import Home
from appliance.store.home_files import HomeFiles
from appliance.store.past import PREFIX, Making, Past
from appliance.store.runs import Runs, boot_id
from appliance.threads import Steps, in_thread


class Store:
    """All mailboxes. Belongs to the event loop, except `start` and `stop`, which block."""

    def __init__(
        self,
        mail: Path,
        clock: Clock,
        *,
        expect_marker: bool = False,
        boot: str | None = None,
        identity: bytes = b"",
    ) -> None:
        """`identity` is what is in the marker of the disk that belongs here, if that is known."""
        self._mail = mail
        self._clock = clock
        self._expect_marker = expect_marker
        self._guard = Guard(mail, identity)
        self.offline_because = ""  # one sentence
        self._boot = boot_id() if boot is None else boot
        self._runs = Runs(mail / "index" / "run", self._boot)
        self._ballast = ballast_of(mail / "index")
        self._homes: dict[str, Home] = {}
        self._held: frozenset[str] = frozenset()
        self.past = Past(mail, Making(self.freeze, self._past_home, self._forget_day))
        self._lock: int | None = None

    @property
    def is_online(self) -> bool:
        """Whether the mail disk is there."""
        return self._guard.online

    @property
    def disk_identity(self) -> bytes:
        """What is in the marker file of the disk in use."""
        return self._guard.identity

    def check_disk(self) -> None:
        """Blocks. Raises StorageOffline unless the disk in use is there."""
        self._guard.check()

    def start(self) -> None:
        """Take the disk into use; if it is missing, wait for it.

        Raises:
            Refused: another daemon uses it.
        """
        self._try_to_begin()

    def stop(self) -> None:
        """The end, after `settle`."""
        if self._guard.online:
            boxes = [box for home in self._homes.values() for box in home.boxes.values()]
            if not any(box.has_unkept() for box in boxes):
                with contextlib.suppress(StorageOffline):
                    self._runs.end()
        self._guard.online = False
        self.unlock()

    def leave(self) -> None:
        """After `stop`, when a start follows: whoever has a mailbox open is told to open it again.

        What is left of the mailboxes that were open is refused by the guard that they knew, also
        when mail goes on at another place.
        """
        for home in self._homes.values():
            home.end()
        self._guard = Guard(self._mail, self._guard.identity)
        self._settle_homes()

    def move_to(self, mail: Path) -> None:
        """After `leave`: from the next start on the same mail is there."""
        self._mail = mail
        self._guard = Guard(mail, self._guard.identity)
        self._runs = Runs(mail / "index" / "run", self._boot)
        self._ballast = ballast_of(mail / "index")
        self.past.moved(mail)
        self._settle_homes()

    def can_be_written(self) -> None:
        """After a time in which the disk could only be read."""
        for home in self._homes.values():
            home.can_be_written()

    def _settle_homes(self) -> None:
        for key in [key for key in self._homes if "/" in key]:
            self._homes.pop(key)
        for address, home in self._homes.items():
            home.moved(self._home_files(address), self._runs)

    def _home_files(self, address: str) -> HomeFiles:
        people, held = self._mail / "people" / address, self._mail / HELD / address
        holding = Holding(people, held, lambda: address in self._held, self._clock.wall)
        index = self._mail / "index" / address
        return HomeFiles(people, index, self._guard, self._clock.wall, holding)

    def hold(self, addresses: Iterable[str]) -> None:
        """From now on these accounts are under hold: what is deleted there is held."""
        self._held = frozenset(addresses)

    def home(self, address: str) -> Home:
        """The mailboxes of one account; asks no disk. Raises Refused for no address at all."""
        address = names.account_directory(address)
        home = self._homes.get(address)
        if home is None:
            place = self._home_files(address)
            home = self._homes[address] = Home(address, place, self._clock, self._runs)
        return home

    def _past_home(self, day: str, address: str) -> Home:
        key = f"{day}/{names.account_directory(address)}"  # no address has a slash
        home = self._homes.get(key)
        if home is None:
            folder, index = self.past.folder(day, names.account_directory(address))
            place = HomeFiles(folder, index, self._guard, self._clock.wall)
            prefix = f"{PREFIX}{day}/"
            home = self._homes[key] = Home(address, place, self._clock, self._runs, prefix=prefix)
        return home

    def _forget_day(self, day: str) -> None:
        for key in [key for key in self._homes if key.startswith(f"{day}/")]:
            self._homes.pop(key).end()

    def tick(self) -> Steps[None]:
        """About every second."""
        if not self._guard.online:
            yield from in_thread(self._try_to_begin)
            return
        try:
            yield from in_thread(self._look)
        except StorageOffline:
            self.go_offline()
            return
        yield from self._each("tick")

    def _look(self) -> None:
        self._guard.check()
        self._ballast.balance()

    def settle(self) -> Steps[None]:
        """All names follow their flags, snapshots are written, everything is flushed."""
        yield from self._each("settle")

    def rebuild(self, address: str | None = None) -> Steps[None]:
        """Make the indexes of one account, or of all, anew from the mail.

        Whoever has one of its mailboxes open is told that it is gone, and opens it again.
        """
        for one in check.addresses(self._mail) if address is None else [address]:
            home = self.home(one)
            yield from home.settle()
            home.end()
            yield from in_thread(partial(check.rebuild, self._mail, one))

    def freeze(self, view: Path) -> Steps[list[Frozen]]:
        """Frozen views of all accounts, below `view`; see `freezing.py`.

        Raises:
            Refused, StorageFull, StorageOffline: there is no whole view.
        """
        self._guard.check()
        yield from in_thread(lambda: files.make_directories(view, durable=False))
        made: list[Frozen] = []
        for one in check.addresses(self._mail):
            made += [(yield from self.home(one).freeze(view / one))]
        return made

    def unlock(self) -> None:
        """Let another daemon use the disk."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _each(self, chore: str) -> Steps[None]:
        """One account in trouble does not keep the others waiting."""
        trouble: Exception | None = None
        for home in list(self._homes.values()):
            try:
                yield from home.tick() if chore == "tick" else home.settle()
            except (PillarboxError, OSError) as error:
                trouble = error
        if trouble is not None:
            raise trouble

    def _try_to_begin(self) -> None:
        try:
            self._begin()
        except StorageOffline as error:
            self.offline_because = str(error)

    def _begin(self) -> None:
        self._guard.begin(expect_marker=self._expect_marker)
        try:
            for name in ("people", "index"):
                files.make_directories(self._mail / name)
            self._ballast.balance()
            self._take_lock()
            self._runs.begin(int(self._clock.wall()))
            self.past.look()
        except BaseException:
            self._guard.online = False
            self.unlock()
            raise

    def _take_lock(self) -> None:
        self.unlock()
        path = self._mail / "lock"
        self._lock = files.open_append(path)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(self._lock, 20, 0).decode("ascii", "replace").strip()
            self.unlock()
            raise Refused(f"Another Pillarbox (process {owner}) uses this mail disk.") from None
        files.truncate(self._lock, 0, path)
        files.write(self._lock, b"%d\n" % os.getpid(), path)

    def go_offline(self) -> None:
        """The disk is gone: whoever has a mailbox open is told, and it is waited for."""
        self._guard.online = False
        for home in self._homes.values():
            home.end()
        self.unlock()
