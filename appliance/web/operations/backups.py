"""Backups: targets, versions, runs, proof, and getting mail back."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from appliance.web.desk import Desk
from appliance.web.fields import Field, Values
from appliance.web.language import N_
from appliance.web.operation import Operation
from appliance.web.roles import Role, Visitor

TO = Field("to", N_("Where to"), required=False, help=N_("Empty: the drive whose proof is oldest."))


async def runs(desk: Desk, _visitor: Visitor, _values: Values) -> list[dict[str, Any]]:
    """What each run came to, newest first."""
    return [asdict(each) for each in await desk.blocking(desk.backups.runs)]


async def targets(desk: Desk, _visitor: Visitor, _values: Values) -> list[dict[str, Any]]:
    """Where backups go."""
    found = await desk.blocking(desk.backups.targets)
    present = await desk.blocking(desk.backups.present)
    plugged = {each["target"] for each in await drives(desk, _visitor, _values)}
    return [
        {
            "id": each.identity,
            "label": each.label,
            "location": each.location,
            "here": each.identity in present or each.label in plugged,
            "last_run": each.last_run,
            "last_proven": each.last_proven,
            "covered": await desk.blocking(desk.backups.covered, each),
        }
        for each in found
    ]


async def drives(desk: Desk, _visitor: Visitor, _values: Values) -> list[dict[str, Any]]:
    """Drives that are plugged in and could hold backups."""
    found: list[dict[str, Any]] = await desk.ask("drives")
    return found


async def progress(desk: Desk, _visitor: Visitor, _values: Values) -> dict[str, Any]:
    """How far the backup or restore is that is under way."""
    found: dict[str, Any] = await desk.ask("backup_progress")
    return found


async def now(desk: Desk, _visitor: Visitor, values: Values) -> None:
    """Begin a backup."""
    await desk.ask("backup_now", to=values["to"])


async def cancel(desk: Desk, _visitor: Visitor, _values: Values) -> None:
    """Stop what is under way; earlier versions stay as they are."""
    await desk.ask("backup_cancel")


async def adopt(desk: Desk, _visitor: Visitor, values: Values) -> dict[str, str]:
    """Use a drive for backups from now on; nothing on it is erased."""
    return {"label": await desk.ask("drives_adopt", path=values["path"])}


async def eject(desk: Desk, _visitor: Visitor, _values: Values) -> None:
    """Let go of all drives, so that they can be pulled."""
    await desk.ask("drives_eject")


async def versions(desk: Desk, _visitor: Visitor, values: Values) -> list[dict[str, Any]]:
    """All versions that a target holds."""
    found = await desk.blocking(desk.backups.versions, values["target"])
    return [
        {"version": version.identity, "taken": version.taken, "is_proven": proven}
        for version, proven in found
    ]


PATH = Field("path", N_("Drive"))
TARGET = Field("target", N_("Where"))
_HELPER, _BACKUPS, _READ = Role.HELPER, "backups", "read"
OPERATIONS = (
    Operation("backup_runs", "GET", "/backups/runs", _HELPER, _READ, N_("What each run came to"),
              runs),
    Operation("backup_targets", "GET", "/backups/targets", _HELPER, _READ,
              N_("Where backups go"), targets),
    Operation("backup_drives", "GET", "/backups/drives", _HELPER, _READ,
              N_("Drives that are plugged in"), drives),
    Operation("backup_progress", "GET", "/backups/progress", _HELPER, _READ,
              N_("How far it is"), progress),
    Operation("backup_now", "POST", "/backups/run", _HELPER, _BACKUPS, N_("Back up now"), now,
              (TO,)),
    Operation("backup_cancel", "POST", "/backups/cancel", _HELPER, _BACKUPS,
              N_("Stop what is under way"), cancel),
    Operation("backup_adopt", "POST", "/backups/drives", _HELPER, _BACKUPS,
              N_("Use a drive for backups"), adopt, (PATH,)),
    Operation("backup_eject", "POST", "/backups/eject", _HELPER, _BACKUPS,
              N_("Let go of all drives"), eject),
    Operation("backup_versions", "GET", "/backups/targets/{target}/versions", _HELPER, _READ,
              N_("All versions on a target"), versions, (TARGET,)),
)  # fmt: skip
