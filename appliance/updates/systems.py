"""Whoever can exchange the system: the card, by root's helper, or one on paper. All blocks."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from appliance import files
from appliance.errors import PillarboxError, Refused
from appliance.helper import bundle, client, switch, systems
from appliance.helper.requests import (
    ChangeSystem,
    InstallUpdate,
    KeepSystem,
    LookAtUpdate,
    SystemStatus,
    UndoSystem,
)
from appliance.helper.run import Failed
from appliance.helper.switch import State, Switch
from appliance.helper.systems import Card

_INSTALL_SECONDS = 3600.0


class Systems(Protocol):
    """Two systems, of which one runs."""

    def status(self) -> dict[str, Any] | None:
        """As `helper.systems.status`; None: this machine has no card of ours."""

    def look(self, path: Path) -> dict[str, Any]:
        """As `helper.systems.look`. Raises PillarboxError."""

    def install(self, path: Path) -> None:
        """Fill the other system. Raises PillarboxError."""

    def percent(self) -> int | None:
        """How far `install` is."""

    def change_over(self) -> None:
        """Start the machine with the other system, on trial. Raises PillarboxError."""

    def keep(self) -> None:
        """What runs has proven itself. Raises PillarboxError."""

    def undo(self) -> None:
        """Start the machine with the system before. Raises PillarboxError."""


class CardSystems:
    """Those of the card that this machine runs from."""

    def status(self) -> dict[str, Any] | None:
        """By the helper."""
        if not systems.VERSION.exists():
            return None
        return client.ask(SystemStatus())

    def look(self, path: Path) -> dict[str, Any]:
        """By the helper: root believes only what it has seen itself."""
        return client.ask(LookAtUpdate(str(path)))

    def install(self, path: Path) -> None:
        """By the helper."""
        client.ask(InstallUpdate(str(path)), seconds=_INSTALL_SECONDS)

    def percent(self) -> int | None:
        """As the helper writes it down."""
        return _percent(systems.PROGRESS)

    def change_over(self) -> None:
        """By the helper."""
        client.ask(ChangeSystem())

    def keep(self) -> None:
        """By the helper."""
        client.ask(KeepSystem())

    def undo(self) -> None:
        """By the helper."""
        client.ask(UndoSystem())


class PaperSystems:
    """A card whose partitions are files in a folder, made for the first update; the same code fills
    them.

    A restart of the machine is the end of the daemon, and whoever starts it again starts the system
    that the switch names, counted as the initramfs does. The key is `update.pem` in the folder.
    """

    _PARTITIONS = ((2, 256), (3, 256), (5, 1024), (6, 1024))  # number, MiB

    def __init__(self, folder: Path, version: str, restart: Callable[[], None]) -> None:
        """`version`: of the program, which all systems on paper share."""
        self._folder, self._version, self._restart = folder / "card", version, restart
        self._key, self._progress = folder / "update.pem", self._folder / "progress"
        self._running = self._started() if self._selector.exists() else 2

    @property
    def _selector(self) -> Path:
        return self._folder / "1"

    @property
    def _card(self) -> Card:
        noted = self._folder / f"version-{self._running}"
        version = noted.read_text("ascii") if noted.exists() else self._version
        parts = {number: self._folder / str(number) for number, _ in self._PARTITIONS}
        return Card(self._selector, parts, self._running, version)

    def status(self) -> dict[str, Any] | None:
        """Of the card on paper."""
        if self._selector.exists():
            return systems.status(self._card)
        return {"version": self._version, "system": "A", "state": "kept", "starts": 0, "other": ""}

    def look(self, path: Path) -> dict[str, Any]:
        """By the same rules."""
        with _in_words():
            return systems.look(path, self._card, self._key)

    def install(self, path: Path) -> None:
        """Into files."""
        if not self._selector.exists():
            self._make()
        with _in_words():
            systems.install(path, self._card, self._key, self._progress)
            with bundle.opened(path, self._key) as (_, manifest):
                other = self._folder / f"version-{5 - self._running}"
                files.replace(other, manifest.version.encode())

    def percent(self) -> int | None:
        """As on a card."""
        return _percent(self._progress)

    def change_over(self) -> None:
        """And end the daemon."""
        with _in_words():
            systems.change_over(self._card)
        self._restart()

    def keep(self) -> None:
        """On paper."""
        with _in_words():
            systems.keep(self._card)

    def undo(self) -> None:
        """And end the daemon."""
        with _in_words():
            systems.undo(self._card)
        self._restart()

    def _started(self) -> int:
        """What the firmware and the initramfs do."""
        found = switch.load(self._selector)
        if found.state is State.TRIAL and found.starts >= switch.MOST_STARTS:
            found = switch.undone(found)
        elif found.state is State.TRIAL:
            found = replace(found, starts=found.starts + 1)
        switch.store(self._selector, found)
        return found.system

    def _make(self) -> None:
        files.make_directories(self._folder)
        for number, mib in self._PARTITIONS:  # as large as a partition, and all of it empty
            path = self._folder / str(number)
            descriptor = files.open_append(path)
            try:
                files.truncate(descriptor, mib << 20, path)
            finally:
                os.close(descriptor)
        files.replace(self._selector, bytes(switch.AT) + switch.written(Switch(2)))


@contextlib.contextmanager
def _in_words() -> Iterator[None]:
    """What the helper would have answered."""
    try:
        yield
    except Failed as error:
        raise Refused(str(error)) from error


def _percent(path: Path) -> int | None:
    try:
        return int(json.loads(files.read(path))["percent"])
    except (OSError, ValueError, KeyError, TypeError, PillarboxError):
        return None
