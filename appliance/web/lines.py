"""The lines of the first page: what matters, each well or with what to do. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from appliance.backup.history import Run
from appliance.web.language import N_

WELL, ATTENTION, FAULT, WORKING = "well", "attention", "fault", "working"
_DAY = 86400.0
_OF = {
    "mail": ("queue", "frozen", "outgoing", "fetch", "relay", "move-in"),
    "disk": ("disk", "mail-disk", "space", "smart", "inodes", "moving", "damaged"),
    "backup": ("backup", "drive", "recovery"),
    "certificate": ("certificate",),
    "clock": ("clock", "time"),
}
"""Which conditions belong to which line, by how their keys begin or what is in them."""
_MENDED_UNDER_DISKS = frozenset(
    ("mail-disk", "mail-disk-locked", "disk-rebuild", "disk-rebuild-failed")
)
_PAGES = {"settings": "/settings"}
"""Where the others are mended, when not under "Health"."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line."""

    title: str
    state: str
    sentence: str
    remedy: str = ""
    path: str = ""


def lines(
    status: Mapping[str, Any],
    runs: Sequence[Run],
    backup: Mapping[str, Any],
    now: float,
) -> list[Line]:
    """One line for each thing, and one for each condition that belongs to none of them."""
    left = list(status["conditions"])
    made = [
        _mail(_taken(left, "mail"), status),
        _disk(_taken(left, "disk")),
        _backup(_taken(left, "backup"), runs, backup, now),
        _line(N_("Certificate"), _taken(left, "certificate"), N_("It is good."), "/health"),
        _line(N_("Clock"), _taken(left, "clock"), N_("It is right."), "/health"),
    ]
    others = [(each, _PAGES.get(each["key"], "/health")) for each in left]
    return made + [_line(N_("Box"), [each], "", path) for each, path in others]


def _mail(conditions: list[Mapping[str, Any]], status: Mapping[str, Any]) -> Line:
    if any(each["key"] in {"mail-disk", "mail-disk-locked"} for each in status["conditions"]):
        sentence = N_("No mail is taken or read until the mail disk is there.")
        return Line(N_("Mail"), FAULT, sentence, "", "/queue")
    sentence = N_("Mail flows; nothing is waiting.")
    if status["queued"]:
        sentence = N_("Mail flows; some is still waiting to be sent.")
    return _line(N_("Mail"), conditions, sentence, "/queue")


def _disk(conditions: list[Mapping[str, Any]]) -> Line:
    """Where it is missing, the way leads to where the mail comes back from a backup; where it is
    locked, to where its words are typed."""
    is_away = any(each["key"] in _MENDED_UNDER_DISKS for each in conditions)
    is_locked = any(each["key"] == "mail-disk-locked" for each in conditions)
    path = "/disks#unlock" if is_locked else "/disks" if is_away else "/health"
    return _line(N_("Mail disk"), conditions, N_("The mail disk is well."), path)


def _backup(
    conditions: list[Mapping[str, Any]],
    runs: Sequence[Run],
    backup: Mapping[str, Any],
    now: float,
) -> Line:
    title = N_("Backup")
    if backup["is_busy"]:
        left = str(backup.get("left", ""))
        return Line(title, WORKING, N_("A backup or a restore is under way."), left, "/backups")
    if conditions:
        return _line(title, conditions, "", "/backups")
    proven = [run for run in runs if run.outcome == "proven"]
    if not proven:
        sentence = N_("There is no backup yet.")
        return Line(title, ATTENTION, sentence, N_("Plug a USB drive in."), "/backups")
    if now - proven[0].ended < _DAY:
        return Line(title, WELL, N_("The newest backup is from today and proven."), "", "/backups")
    return Line(title, WELL, N_("The newest backup is proven."), "", "/backups")


def _line(title: str, conditions: list[Mapping[str, Any]], well: str, path: str) -> Line:
    """The worst of them, or that all is well."""
    if not conditions:
        return Line(title, WELL, well, "", path)
    worst = conditions[0]  # the board has them in this order
    return Line(title, worst["severity"], worst["sentence"], worst["remedy"], path)


def _taken(left: list[Mapping[str, Any]], name: str) -> list[Mapping[str, Any]]:
    """Take those that belong to a line out of what is left."""
    found = [each for each in left if any(word in each["key"] for word in _OF[name])]
    for each in found:
        left.remove(each)
    return found
