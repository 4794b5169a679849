"""Getting mail back: versions, folders and mails to choose from, for oneself and for others.

Everybody sees and brings back what is theirs. An owner may bring back anybody's mail; who wrote it
and what about is shown to an owner only after the button was pressed, and the person is told.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any, TypeVar

from appliance.backup.looking import MOST_READ, Look, Sight
from appliance.errors import Refused, Temporary
from appliance.web.desk import Desk
from appliance.web.fields import Field, Kind, Values
from appliance.web.language import N_
from appliance.web.operation import Forbidden, Operation
from appliance.web.operations.own import own_account
from appliance.web.operations.people import ADDRESS
from appliance.web.reaching import found_account, tell
from appliance.web.roles import Role, Visitor
from appliance.words import phrase

EACH = 25
"""Mails on one page."""
_LISTED_SECONDS = 20.0
_LOOKED_SECONDS = 300.0
_READ_AHEAD = 100
_LATER = N_("The drive is still being read; ask again in a moment.")
T = TypeVar("T")

TARGET = Field("target", N_("Where"))
VERSION = Field("version", N_("From when"))
MAILBOX = Field("mailbox", N_("Folder"))
SOME_MAILBOX = Field("mailbox", N_("Folder"), required=False, help=N_("Empty: all folders."))
SEVERAL = Field(
    "several", N_("Messages"), Kind.TEXTS, required=False, default=(),
    help=N_("None chosen: all of the folder."),
)  # fmt: skip
PAGE = Field("page", N_("Page"), Kind.NUMBER, required=False, default=1, low=1, high=10_000)
SOUGHT = Field("sought", N_("Sender or subject"), required=False)


async def my_versions(desk: Desk, visitor: Visitor, _values: Values) -> list[dict[str, Any]]:
    """All versions on the drives that are plugged in, the newest first."""
    own_account(visitor)
    return _ready(await versions(desk))


async def my_folders(desk: Desk, visitor: Visitor, values: Values) -> list[dict[str, Any]]:
    """One's own folders in a version."""
    return _ready(await folders(desk, own_account(visitor), values))


async def my_mails(desk: Desk, visitor: Visitor, values: Values) -> dict[str, Any]:
    """One's own mails in a folder of a version."""
    return asdict(_ready(await mails(desk, own_account(visitor), values)))


async def my_restore(desk: Desk, visitor: Visitor, values: Values) -> None:
    """Bring back what is missing of one's own mail."""
    await _restore(desk, own_account(visitor), values)


async def my_progress(desk: Desk, visitor: Visitor, _values: Values) -> dict[str, Any]:
    """How far it is with one's own; of others' only that something is under way."""
    found: dict[str, Any] = await desk.ask("backup_progress")
    if found["account"] == own_account(visitor):
        return found
    return {"is_busy": found["is_busy"], "account": ""}


async def my_stop(desk: Desk, visitor: Visitor, _values: Values) -> None:
    """Stop the restore of one's own mail; what came back stays."""
    found = await desk.ask("backup_progress")
    if found["account"] != own_account(visitor):
        raise Refused(N_("Nothing of yours is under way."))
    await desk.ask("backup_cancel")


async def my_ready(desk: Desk, visitor: Visitor, _values: Values) -> None:
    """Have drives that were let go of read again."""
    if visitor.role < Role.OWNER:
        own_account(visitor)
    await make_ready(desk)


async def look(desk: Desk, visitor: Visitor, values: Values) -> None:
    """Let an owner see, for half an hour, what somebody had in which folder."""
    found = found_account(desk, values["address"])
    desk.grants.give(visitor, _grant(found.address), desk.clock.monotonic())
    await tell(desk, visitor, found.address, phrase("looks at which mail you had in the backups"))


async def their_folders(desk: Desk, visitor: Visitor, values: Values) -> list[dict[str, Any]]:
    """Somebody's folders in a version."""
    return _ready(await folders(desk, _granted(desk, visitor, values), values))


async def their_mails(desk: Desk, visitor: Visitor, values: Values) -> dict[str, Any]:
    """Somebody's mails in a folder of a version."""
    return asdict(_ready(await mails(desk, _granted(desk, visitor, values), values)))


async def their_restore(desk: Desk, visitor: Visitor, values: Values) -> None:
    """Bring back what is missing of somebody's mail."""
    found = found_account(desk, values["address"])
    await _restore(desk, found.address, values)
    await tell(desk, visitor, found.address, phrase("brings back mail of yours from a backup"))


async def all_restore(desk: Desk, _visitor: Visitor, values: Values) -> None:
    """Bring back what is missing of everybody's mail."""
    await desk.ask("backup_restore", wanted={"version": values["version"]}, source=values["target"])


# --- what pages use too; None: the drive has not answered yet


async def versions(desk: Desk) -> list[dict[str, Any]] | None:
    """All versions that can be reached now."""
    found = await desk.shelves.get(("versions",), desk.backups.to_choose, _LISTED_SECONDS)
    if found is None:
        return None
    return [
        {
            "target": target.identity,
            "label": target.label,
            "version": version.identity,
            "taken": version.taken,
            "is_proven": is_proven,
        }
        for target, version, is_proven in found
    ]


async def folders(desk: Desk, account: str, values: Values) -> list[dict[str, Any]] | None:
    """The folders of an account in a version."""
    seen = await _look(desk, account, values)
    if seen is None:
        return None
    return [asdict(each) for each in await desk.blocking(seen.shelves)]


async def mails(desk: Desk, account: str, values: Values) -> Sight | None:
    """Some mails of a folder; who searches sees those that were read so far."""
    seen = await _look(desk, account, values)
    if seen is None:
        return None
    mailbox, end = values["mailbox"], values["page"] * EACH
    most = MOST_READ if values["sought"] else -(-end // _READ_AHEAD) * _READ_AHEAD
    key = ("read", *_key(account, values), mailbox, str(most))

    def read() -> bool:
        seen.read(mailbox, most)
        return True

    is_read = await desk.shelves.get(key, read, _LOOKED_SECONDS)
    found = await desk.blocking(seen.sight, mailbox, end - EACH, EACH, values["sought"])
    return found if is_read or values["sought"] or found.seen else None


async def make_ready(desk: Desk) -> None:
    """Have drives that were let go of read again."""
    await desk.ask("drives_ready")
    desk.shelves.forget(("versions",))


def has_grant(desk: Desk, visitor: Visitor, address: str) -> bool:
    """Whether an owner may see what is in an account's versions."""
    return desk.grants.has(visitor, _grant(address), desk.clock.monotonic())


def _grant(address: str) -> str:
    return f"look {address}"


def _granted(desk: Desk, visitor: Visitor, values: Values) -> str:
    address = found_account(desk, values["address"]).address
    if not has_grant(desk, visitor, address):
        raise Forbidden(N_("Ask first to look at this person's mail."))
    return address


async def _look(desk: Desk, account: str, values: Values) -> Look | None:
    target, version = values["target"], values["version"]
    work: Callable[[], Look] = lambda: desk.backups.look_into(target, version, account)  # noqa: E731 - it has a type
    return await desk.shelves.get(("look", *_key(account, values)), work, _LOOKED_SECONDS)


def _key(account: str, values: Values) -> tuple[str, str, str]:
    return account, values["target"], values["version"]


async def _restore(desk: Desk, account: str, values: Values) -> None:
    if values["several"] and not values["mailbox"]:
        raise Refused(N_("Messages are chosen within one folder."))
    wanted = {
        "version": values["version"],
        "account": account,
        "mailbox": values["mailbox"],
        "several": list(values["several"]),
    }
    await desk.ask("backup_restore", wanted=wanted, source=values["target"])


def _ready(found: T | None) -> T:
    if found is None:
        raise Temporary(_LATER)
    return found


_USER, _OWN, _OWNER, _BACKUPS = Role.USER, "own", Role.OWNER, "backups"
_MINE, _THEIRS = "/me/backups/{target}/{version}", "/accounts/{address}/backups/{target}/{version}"
_CHOSEN = (TARGET, VERSION, MAILBOX, PAGE, SOUGHT)
_WANTED = (TARGET, VERSION, SOME_MAILBOX, SEVERAL)
OPERATIONS = (
    Operation("my_versions", "GET", "/me/backups", _USER, _OWN, N_("Versions to choose from"),
              my_versions),
    Operation("my_folders", "GET", f"{_MINE}/folders", _USER, _OWN,
              N_("My folders in a version"), my_folders, (TARGET, VERSION)),
    Operation("my_mails", "GET", f"{_MINE}/mails", _USER, _OWN,
              N_("My mails in a folder of a version"), my_mails, _CHOSEN),
    Operation("my_restore", "POST", f"{_MINE}/restore", _USER, _OWN, N_("Get my mail back"),
              my_restore, _WANTED),
    Operation("my_restore_progress", "GET", "/me/backups/progress", _USER, _OWN,
              N_("How far it is"), my_progress),
    Operation("my_restore_stop", "POST", "/me/backups/stop", _USER, _OWN,
              N_("Stop getting my mail back"), my_stop),
    Operation("my_drives_ready", "POST", "/me/backups/ready", _USER, _OWN,
              N_("Read the drive that is plugged in"), my_ready),
    Operation("mail_look", "POST", "/accounts/{address}/backups/look", _OWNER, _BACKUPS,
              N_("Look at what somebody had"), look, (ADDRESS,), needs_button=True),
    Operation("mail_folders", "GET", f"{_THEIRS}/folders", _OWNER, _BACKUPS,
              N_("Somebody's folders in a version"), their_folders, (ADDRESS, TARGET, VERSION)),
    Operation("mail_mails", "GET", f"{_THEIRS}/mails", _OWNER, _BACKUPS,
              N_("Somebody's mails in a folder of a version"), their_mails, (ADDRESS, *_CHOSEN)),
    Operation("mail_restore", "POST", f"{_THEIRS}/restore", _OWNER, _BACKUPS,
              N_("Get somebody's mail back"), their_restore, (ADDRESS, *_WANTED)),
    Operation("mail_restore_all", "POST", "/backups/restore-all", _OWNER, _BACKUPS,
              N_("Get everybody's mail back"), all_restore, (TARGET, VERSION),
              needs_button=True),
)  # fmt: skip
