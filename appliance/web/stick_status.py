"""How the box is, as one page that is written on a stick: for a helper without the network.

Whoever picks the stick up reads it, so nobody's address or name is on it, and no secret.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

from appliance.accounts.directory import Directory
from appliance.speech.language import LANGUAGES
from appliance.web import language, people, render
from appliance.web.desk import Desk
from appliance.web.fields import Values
from appliance.web.operations import backups
from appliance.web.pages.home import overview
from appliance.web.roles import Visitor

HIDDEN = "…"
_ADDRESS = re.compile(r"[^\s<>()\"',;:]+@[^\s<>()\"',;:]+")
_SHORTEST_NAME = 3  # a shorter one would hide parts of the text and nobody


async def written(desk: Desk) -> bytes:
    """The page, in the language of the office's letters, as UTF-8."""
    told = await overview(desk)
    targets = await backups.targets(desk, Visitor(), Values())
    disk = await desk.ask("disk_status")
    network = await desk.ask("network_status")
    owners = await desk.blocking(people.all_of_them, desk.database)
    names = [*names_in(desk.gate.directory), *owners, *(each.name for each in owners.values())]
    code = desk.voice.code

    def veiled(text: str) -> str:
        return without_people(language.say(text, code), names)

    shown = {
        "language": LANGUAGES[code], "office": desk.office.name or desk.host, "host": desk.host,
        "version": desk.version, "now": desk.now, "veiled": veiled, "targets": targets,
        "lines": told["lines"], "lamps": told["lamps"], "disk": disk["disk"],
        "room": await desk.blocking(_room, disk["mail"]),
        "name": network["name"], "addresses": (network["now"] or {}).get("addresses", ()),
    }  # fmt: skip
    template = render.environment(code).get_template("stick_status.html")
    return template.render(shown).encode()


def without_people(text: str, names: Iterable[str]) -> str:
    """A text without addresses and without these names. Pure."""
    text = _ADDRESS.sub(HIDDEN, text)
    for each in sorted({each for each in names if len(each) >= _SHORTEST_NAME}, key=len)[::-1]:
        text = re.sub(rf"(?<!\w){re.escape(each)}(?!\w)", HIDDEN, text, flags=re.IGNORECASE)
    return text


def names_in(directory: Directory) -> Iterable[str]:
    """What the people with accounts are called. Pure."""
    for address, account in directory.accounts.items():
        yield address.partition("@")[0]
        yield account.name


def _room(mail: str) -> tuple[int, int] | None:
    """Octets free and in all where the mail is; None: it is away. Blocks."""
    try:
        found = os.statvfs(mail)
    except OSError:
        return None
    return found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize
