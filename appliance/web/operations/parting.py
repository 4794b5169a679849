"""When somebody leaves: their account locked, mail passed on and handed over, kept, held."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from appliance.accounts.parting import Partings
from appliance.errors import Refused
from appliance.store import names
from appliance.store.holding import HELD
from appliance.store.takeout import size_of
from appliance.web import people, sessions
from appliance.web.desk import Desk
from appliance.web.fields import Field, Kind, Values
from appliance.web.language import N_
from appliance.web.operation import Operation, beside
from appliance.web.operations.people import ADDRESS
from appliance.web.reaching import found_account, tell
from appliance.web.roles import Role, Visitor
from appliance.words import phrase

REFUSES = Field(
    "refuses_mail", N_("Refuse mail that comes from now on"), Kind.SWITCH, required=False,
    help=N_("Whoever writes is told that this person has left. Otherwise mail goes on arriving."),
)  # fmt: skip
TO = Field("to", N_("Colleague"), help=N_("The e-mail address of an account here."))
FOLDERS = Field(
    "folders", N_("Folders"), Kind.TEXTS, required=False, help=N_("None chosen: all of them.")
)
UNTIL = Field(
    "until", N_("Keep until"), Kind.DATE, required=False,
    help=N_("Until then nobody can remove the account. Empty: no day."),
)  # fmt: skip
REMOVES = Field(
    "removes", N_("Remove the account after that day by itself"), Kind.SWITCH, required=False
)
COPY = Field("keep", N_("Keep a copy here"), Kind.SWITCH, required=False, default=True)


async def account_lock(desk: Desk, visitor: Visitor, values: Values) -> None:
    """Nobody gets in any more: open connections end, and all sessions on the page."""
    found = found_account(desk, values["address"])
    if found.address == visitor.login:
        raise Refused(N_("You are logged in with this account; somebody else has to lock it."))
    await desk.blocking(people.check_may_leave, desk.database, found.address)
    refuses = values["refuses_mail"]
    await _change(desk, lambda each: each.lock(found.address, refuses_mail=refuses))
    await desk.blocking(sessions.end_all, desk.database, found.address)


async def account_unlock(desk: Desk, _visitor: Visitor, values: Values) -> None:
    """As it was."""
    found = found_account(desk, values["address"])
    await _change(desk, lambda each: each.unlock(found.address))


async def account_keep(desk: Desk, _visitor: Visitor, values: Values) -> None:
    """Until when it cannot be removed."""
    found = found_account(desk, values["address"])
    if values["removes"]:
        await desk.blocking(people.check_may_leave, desk.database, found.address)
    until, removes = values["until"] or "", values["removes"]
    with beside("until"):
        await _change(desk, lambda each: each.keep(found.address, until, removes=removes))


async def hold_begin(desk: Desk, _visitor: Visitor, values: Values) -> None:
    """From now on nothing of somebody's mail is deleted for good, and they do not see that."""
    found = found_account(desk, values["address"])
    await _change(desk, lambda each: each.hold(found.address))


async def hold_end(desk: Desk, _visitor: Visitor, values: Values) -> None:
    """What was deleted is deleted."""
    found = found_account(desk, values["address"])
    await _change(desk, lambda each: each.end_hold(found.address))


async def held_export(desk: Desk, visitor: Visitor, values: Values) -> dict[str, Any]:
    """Let an owner fetch what was deleted under hold for half an hour, as a ZIP of mbox files."""
    found = found_account(desk, values["address"])
    desk.grants.give(visitor, held_grant(found.address), desk.clock.monotonic())
    return {"path": f"/people/{found.address}/held.zip", **await held_size(desk, found.address)}


async def held_size(desk: Desk, address: str) -> dict[str, int]:
    """How much that is."""
    folder = desk.backups.job.box.mail / HELD / names.account_directory(address)
    try:
        return asdict(await desk.blocking(size_of, folder))
    except FileNotFoundError:
        return {"messages": 0, "octets": 0}


def held_grant(address: str) -> str:
    """What is given for it."""
    return f"held {address}"


async def forward_set(desk: Desk, visitor: Visitor, values: Values) -> None:
    """Pass somebody's mail on to a colleague; it is told in their own mailbox."""
    found = found_account(desk, values["address"])
    with beside("to"):
        target = found_account(desk, values["to"]).address
        await desk.registry(
            lambda r: r.set_forward(found.address, target, keeps_copy=values["keep"])
        )
    await tell(desk, visitor, found.address, phrase(f"has your mail passed on to {target}"))


async def hand_over(desk: Desk, visitor: Visitor, values: Values) -> None:
    """Begin to put somebody's mail into a colleague's mailbox; both are told."""
    found = found_account(desk, values["address"])
    with beside("to"):
        target = found_account(desk, values["to"]).address
    await desk.ask(
        "hand_over",
        address=found.address,
        target=target,
        folders=list(values["folders"]),
        who=visitor.name or visitor.login,
    )
    await tell(desk, visitor, found.address, phrase(f"hands your mail over to {target}"))


async def hand_over_progress(
    desk: Desk, _visitor: Visitor, values: Values
) -> dict[str, Any] | None:
    """How far it is; nothing where none was begun since the start."""
    found = found_account(desk, values["address"])
    progress: dict[str, Any] | None = await desk.ask("hand_over_progress", address=found.address)
    return progress


async def hand_over_folders(desk: Desk, _visitor: Visitor, values: Values) -> list[str]:
    """What may be handed over; the names of folders are nobody else's business before."""
    found = found_account(desk, values["address"])
    if not desk.gate.directory.parting(found.address).is_locked:
        raise Refused(N_("Lock the account first."))
    there: list[str] = await desk.ask("hand_over_folders", address=found.address)
    return there


async def _change(desk: Desk, change: Any) -> None:
    await desk.blocking(lambda: change(Partings(desk.database, desk.now)))
    await desk.ask("people_changed")


_OWNER, _PEOPLE = Role.OWNER, "people"
_AT = "/accounts/{address}"
OPERATIONS = (
    Operation("account_lock", "POST", f"{_AT}/lock", _OWNER, _PEOPLE, N_("Lock an account"),
              account_lock, (ADDRESS, REFUSES)),
    Operation("account_unlock", "DELETE", f"{_AT}/lock", _OWNER, _PEOPLE,
              N_("Unlock an account"), account_unlock, (ADDRESS,)),
    Operation("account_keep", "PUT", f"{_AT}/keep", _OWNER, _PEOPLE,
              N_("Keep an account until a day"), account_keep, (ADDRESS, UNTIL, REMOVES)),
    Operation("hold_begin", "PUT", f"{_AT}/hold", _OWNER, _PEOPLE,
              N_("Put somebody's mail under hold"), hold_begin, (ADDRESS,)),
    Operation("hold_end", "DELETE", f"{_AT}/hold", _OWNER, _PEOPLE, N_("End a hold"), hold_end,
              (ADDRESS,), needs_button=True),
    Operation("held_export", "POST", f"{_AT}/held", _OWNER, "backups",
              N_("Take along what was deleted under hold"), held_export, (ADDRESS,),
              needs_button=True),
    Operation("forward_set", "PUT", f"{_AT}/forward", _OWNER, _PEOPLE,
              N_("Pass somebody's mail on to a colleague"), forward_set, (ADDRESS, TO, COPY),
              needs_button=True),
    Operation("hand_over", "POST", f"{_AT}/hand-over", _OWNER, _PEOPLE,
              N_("Hand somebody's mail over to a colleague"), hand_over, (ADDRESS, TO, FOLDERS),
              needs_button=True),
    Operation("hand_over_progress", "GET", f"{_AT}/hand-over", _OWNER, _PEOPLE,
              N_("How far a hand-over is"), hand_over_progress, (ADDRESS,)),
    Operation("hand_over_folders", "GET", f"{_AT}/folders", _OWNER, _PEOPLE,
              N_("Folders that can be handed over"), hand_over_folders, (ADDRESS,)),
)  # fmt: skip
