"""Carrying out what a set-up file says: by the same operations as the first steps on the page.

A fact says which file is being taken, so that a power cut in the middle is gone on from when the
box finds the same file again, and a file that was taken is known again.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from appliance.accounts import addresses
from appliance.errors import PillarboxError
from appliance.helper.wifi import Wish
from appliance.web import first_owner, people, setup
from appliance.web.desk import Desk
from appliance.web.fields import Values
from appliance.web.operations import people as accounts
from appliance.web.roles import Role, Visitor
from appliance.web.setup_file import ONLY_ONE, BadFile, Wanted

log = logging.getLogger("pillarbox.web")

_FACT = "setup-file"
_BEGUN, _TAKEN = "begun", "taken"
_FILE = "file"  # where a deed came from, instead of an address in the network


async def may_come(desk: Desk) -> bool:
    """Whether a file is worth looking for: nobody owns the box, or one is known."""
    if not await desk.blocking(people.has_owner, desk.database):
        return True
    return bool(await desk.blocking(people.fact, desk.database, _FACT))


async def is_wanted(desk: Desk, octets: bytes) -> bool:
    """Whether a file is to be carried out: nobody owns the box, or a power cut ended this one. Not
    where nothing can be kept, nor where a whole box was being brought back."""
    if any(each.key == "card" for each in desk.board.standing()):
        return False
    if not desk.gate.directory.accounts and await desk.blocking(desk.backups.was_cut_off):
        return False
    if not await desk.blocking(people.has_owner, desk.database):
        return True
    return await desk.blocking(people.fact, desk.database, _FACT) == _fact(_BEGUN, octets)


async def was_taken(desk: Desk, octets: bytes) -> bool:
    """Whether this very file was carried out."""
    return await desk.blocking(people.fact, desk.database, _FACT) == _fact(_TAKEN, octets)


async def carry_out(desk: Desk, wanted: Wanted, octets: bytes, drive: str) -> None:
    """Set the box up; `drive`: the device on which the file lies, which is no disk for mail.

    Raises:
        BadFile: nothing was done.
        PillarboxError: it ended in the middle; doing it again goes on.
    """
    disk = chosen(await desk.ask("disk_list"), wanted.mail, drive) if wanted.mail["disk"] else None
    if wanted.plan is not None and not (await desk.ask("network_status"))["is_ours"]:
        raise BadFile(["[network]: The network of this machine is set elsewhere, not by this box."])
    if wanted.wifi is not None:  # first: by it somebody can look at the page, whatever follows
        await _join(desk, wanted.wifi)
    if disk is not None:
        await _use(desk, wanted.mail, disk)
    await desk.blocking(people.note, desk.database, _FACT, _fact(_BEGUN, octets))
    await _fill(desk, wanted)
    if wanted.plan is not None:
        plan = wanted.plan
        names = list(plan.nameservers)
        await desk.ask("network_try", address=plan.address, gateway=plan.gateway, nameservers=names)
        await desk.ask("network_keep")  # nobody is there who could look whether it is reached
    for step, is_done in (("disk", disk), ("mail", wanted.mail["domain"]),
                          ("people", wanted.accounts)):  # fmt: skip
        if is_done:
            await desk.blocking(setup.note, desk.database, step, setup.DONE)
    await desk.blocking(people.note, desk.database, _FACT, _fact(_TAKEN, octets))


def chosen(
    disks: Sequence[Mapping[str, Any]], mail: Mapping[str, Any], drive: str
) -> Mapping[str, Any] | None:
    """The disk that is meant; None: the mail is there or on its way. Pure. Raises BadFile."""
    which = mail["disk"]
    own = {each["disk"] for each in disks if each["path"] == drive}
    others = [each for each in disks if each["disk"] not in own]
    if which == ONLY_ONE:
        found = [each for each in others if each["use"] != "the system"]
    else:
        found = [each for each in others if each["serial"] == which]
    if any(each["use"] in ("the mail disk", "mail is being moved to it") for each in found):
        return None
    free = [each for each in found if each["use"] == "free"]
    if len(free) != 1:
        said = "There is no such disk that is free." if not free else "There is more than one."
        raise BadFile([f"[mail] disk: {said}"])
    return free[0]


async def _use(desk: Desk, mail: Values, disk: Mapping[str, Any]) -> None:
    try:
        await desk.ask("disk_use", which=disk["path"], formats=mail["erase_disk"],
                       serial=disk["serial"])  # fmt: skip
    except PillarboxError as error:
        raise BadFile([f"[mail] disk: {error}"]) from error


async def _join(desk: Desk, wish: Wish) -> None:
    if (await desk.ask("wifi_status"))["connected"] == wish.name:
        return  # this file was begun with, and the power went
    try:
        await desk.ask("wifi_join", name=wish.name, password=wish.password, country=wish.country,
                       waits=True)  # fmt: skip
    except PillarboxError as error:
        raise BadFile([f"[wifi]: {error}"]) from error


async def _fill(desk: Desk, wanted: Wanted) -> None:
    """The owner comes last: until then the page says that the box has none."""
    owner = wanted.owner
    visitor = Visitor(owner["login"], owner["name"], Role.OWNER, _FILE)
    domain = wanted.mail["domain"]
    if domain and not desk.gate.directory.is_here(f"x@{addresses.canonical_domain(domain)}"):
        await accounts.domain_add(desk, visitor, Values(domain=domain))
    for each in wanted.accounts:
        if addresses.canonical(each["address"]) not in desk.gate.directory.accounts:
            await accounts.account_add(desk, visitor, Values(each, quota=0))
    office = wanted.office
    language = office["language"] or desk.voice.code
    given = Values(owner, office=office["name"], country=office["country"],
                   time_zone=office["time_zone"])  # fmt: skip
    if not await desk.blocking(people.has_owner, desk.database):
        await first_owner.make(desk, given, language, _FILE)
    else:  # the power went in the middle of it
        await first_owner.settle(desk, people.canonical(owner["login"]), given, language)


def _fact(what: str, octets: bytes) -> str:
    return f"{what} {hashlib.sha256(octets).hexdigest()}"
