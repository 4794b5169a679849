"""The settings: one operation a section, made of what `sections.py` says; history; restart."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import partial
from typing import Any

from appliance import settings
from appliance.errors import NotFound, Refused
from appliance.settings import Settings
from appliance.web import settings_checks, settings_file, settings_history
from appliance.web.desk import Desk
from appliance.web.fields import BadFields, Field, Kind, Values
from appliance.web.language import N_
from appliance.web.operation import Operation
from appliance.web.operations.setup import COUNTRY, TIME_ZONE
from appliance.web.roles import Role, Visitor
from appliance.web.settings_words import CHOICES, ELSEWHERE, LABELS, WRITE_ONLY

_FORGET = "forget_"
PLACES = {
    "office.country": COUNTRY,
    "office.time_zone": dataclasses.replace(
        TIME_ZONE, choices=(("", N_("that of the machine")), *TIME_ZONE.choices[1:])
    ),
}
_MOST_TOLD = 50
NUMBER = Field("number", N_("Number"), Kind.NUMBER, help=N_("0: what the box went by last."))
SUMMARY = N_("Change the settings of a section")


def fields_of(section: str) -> tuple[Field, ...]:
    """What a form of a section asks for; a secret can be typed or forgotten, and is never shown."""
    kind = type(getattr(Settings(), section))
    found: list[Field] = []
    for each in dataclasses.fields(kind):
        full = f"{section}.{each.name}"
        if full in ELSEWHERE:
            continue
        found.append(_field(kind, each.name, full, each.default))
        if full in WRITE_ONLY:
            forget = N_("Forget the address that is set")
            found.append(Field(_FORGET + each.name, forget, Kind.SWITCH, required=False))
    return tuple(found)


def _field(kind: type, name: str, full: str, default: Any) -> Field:
    limits = settings.help_of(kind, name)
    made = partial(
        Field, name, LABELS.get(full, name), help=limits.help, required=False, default=default
    )
    if isinstance(default, bool):
        return made(Kind.SWITCH)
    if isinstance(default, int):
        low, high = int(limits.low or 0), int(limits.high or 0)
        return made(Kind.NUMBER, required=True, low=low, high=high)
    if full in WRITE_ONLY:
        return made(Kind.SECRET)
    if full in PLACES:
        return made(PLACES[full].kind, choices=PLACES[full].choices)
    if limits.choices:
        choices = tuple((each, CHOICES.get(each, each)) for each in limits.choices)
        return made(Kind.CHOICE, required="" not in limits.choices, choices=choices)
    return made()


async def in_file(desk: Desk) -> Settings:
    """What stands in the file. Raises BadSettings."""
    return settings_file.tree(await desk.blocking(settings_history.content, desk.state))


async def listing(desk: Desk, _visitor: Visitor, _values: Values) -> dict[str, Any]:
    """Every setting with its value, its default, and what holds until a restart."""
    chosen, standing = await in_file(desk), await desk.ask("settings_waiting")
    told: dict[str, Any] = {}
    for section in SECTIONS:
        present, usual = (settings_file.values(each, section) for each in (chosen, Settings()))
        told[section] = {
            name: _told(f"{section}.{name}", value, usual[name], standing["waiting"])
            for name, value in present.items()
        }
    return {"settings": told, **standing}


def _told(full: str, value: Any, default: Any, waiting: Mapping[str, Any]) -> dict[str, Any]:
    if full in WRITE_ONLY:
        return {"is_set": bool(value)}
    return {"value": value, "default": default, "in_force": waiting.get(full, value)}


async def change(section: str, desk: Desk, visitor: Visitor, values: Values) -> None:
    """Save a section and have the box go by it; a text or switch that is not named gets its
    default, a secret stays."""
    wanted = {}
    for each in fields_of(section):
        if each.name.startswith(_FORGET):
            if values[each.name]:
                wanted[each.name.removeprefix(_FORGET)] = ""
        elif each.kind is not Kind.SECRET or values[each.name]:
            wanted[each.name] = values[each.name]
    errors = await desk.blocking(settings_checks.wrong, section, wanted, visitor.peer)
    if errors:
        raise BadFields(errors)
    await _save(desk, visitor, lambda text: settings_file.changed(text, section, wanted))


async def history(desk: Desk, _visitor: Visitor, _values: Values) -> list[dict[str, Any]]:
    """Who changed what, the newest first."""
    found = await desk.blocking(settings_history.newest, desk.database, _MOST_TOLD)
    return [dataclasses.asdict(each) for each in found]


async def back(desk: Desk, visitor: Visitor, values: Values) -> None:
    """Bring an earlier state back, as a new one."""
    text = await desk.blocking(_earlier, desk, values["number"])
    earlier = settings_file.tree(text)
    for section in SECTIONS:
        wanted = settings_file.values(earlier, section)
        errors = await desk.blocking(settings_checks.wrong, section, wanted, visitor.peer)
        if errors:
            raise Refused(" ".join(errors.values()))
    await _save(desk, visitor, lambda present: settings_history.back_to(text, present))


def _earlier(desk: Desk, number: int) -> str:
    if number != settings_history.LAST_GOOD:
        return settings_history.text_of(desk.database, number)
    text = settings_history.good(desk.state)
    if text is None:
        raise NotFound(N_("It is not known which settings worked last."))
    return text


async def _save(desk: Desk, visitor: Visitor, make: Any) -> None:
    who = (visitor.login, visitor.peer)
    await desk.blocking(
        settings_history.save, desk.database, desk.state, make, who, desk.now
    )  # fmt: skip
    await desk.ask("settings_changed")


async def restart(desk: Desk, _visitor: Visitor, _values: Values) -> None:
    """End in order and be started again by the service manager."""
    await desk.ask("restart")


SECTIONS = tuple(
    each.name for each in dataclasses.fields(Settings) if fields_of(each.name)
)  # fmt: skip
_OWNER, _BOX, _READ = Role.OWNER, "box", "read"
OPERATIONS = (
    Operation("settings", "GET", "/settings", _OWNER, _READ, N_("All settings"), listing),
    *(
        Operation(f"settings_{each}", "PUT", f"/settings/{each}", _OWNER, _BOX, SUMMARY,
                  partial(change, each), fields_of(each))
        for each in SECTIONS
    ),
    Operation("settings_history", "GET", "/settings/history", _OWNER, _READ,
              N_("Who changed which settings"), history),
    Operation("settings_back", "POST", "/settings/history/{number}", _OWNER, _BOX,
              N_("Bring an earlier state of the settings back"), back, (NUMBER,)),
    Operation("restart", "POST", "/restart", _OWNER, _BOX, N_("Restart the mail server"), restart),
)  # fmt: skip
