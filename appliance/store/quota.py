"""How much an account keeps: a sum that is carried along, never counted for each question.

Mailboxes in use know their own figures; those of all others are remembered here, and between runs
in `index/ADDRESS/usage` with the directory times for which they hold. A folder that another
program changed is listed again; sizes are in the names, so that asks no file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from appliance import files
from appliance.store import names

FILE = "usage"


@dataclass(frozen=True, slots=True)
class Usage:
    """What is kept."""

    octets: int
    messages: int


@dataclass(frozen=True, slots=True)
class Figure:
    """One mailbox, and the times of `new` and `cur` for which that holds."""

    octets: int
    messages: int
    times: tuple[int, int] = (0, 0)


def count(folder: Path) -> Figure:
    """Count one folder by its file names."""
    times = _times(folder)
    octets = messages = 0
    for name in ("new", "cur"):
        directory = os.fsencode(folder / name)
        try:
            listed = os.listdir(directory)
        except FileNotFoundError:
            continue
        for file in listed:
            if file[:1] == b".":
                continue
            carried = names.read_base(file.partition(b":2,")[0])
            size = carried.virtual_size or carried.size
            octets += _size(directory + b"/" + file) if size is None else size
            messages += 1
    return Figure(octets, messages, times)


def _size(path: bytes) -> int:
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0


def _times(folder: Path) -> tuple[int, int]:
    try:
        return os.stat(folder / "new").st_mtime_ns, os.stat(folder / "cur").st_mtime_ns
    except FileNotFoundError:
        return 0, 0


def load(index: Path, folders: Iterable[tuple[str, Path]]) -> dict[str, Figure]:
    """Figures of all mailboxes, counting those that changed since they were written down."""
    kept = _kept(index / FILE)
    found = {}
    for name, folder in folders:
        figure = kept.get(name)
        times = _times(folder)
        holds = figure is not None and figure.times == times and all(times)
        found[name] = figure if figure is not None and holds else count(folder)
    return found


def keep(index: Path, figures: dict[str, Figure]) -> None:
    """Write the figures down; a cache, so not flushed."""
    plain = {name: (one.octets, one.messages, *one.times) for name, one in figures.items()}
    files.make_directories(index, durable=False)
    files.replace(index / FILE, json.dumps(plain).encode(), durable=False)


def _kept(path: Path) -> dict[str, Figure]:
    try:
        plain = json.loads(files.read(path))
        return {
            name: Figure(int(octets), int(messages), (int(new), int(cur)))
            for name, (octets, messages, new, cur) in plain.items()
        }
    except (FileNotFoundError, ValueError, TypeError, AttributeError):
        return {}
