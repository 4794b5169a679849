"""Settings: all sections and what was changed when; and one page a section with its form."""

from __future__ import annotations

from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from appliance.errors import BadSettings
from appliance.settings import Settings
from appliance.web import render, settings_file, settings_history
from appliance.web.desk import Desk
from appliance.web.operations import settings
from appliance.web.page import Page
from appliance.web.roles import Role, Visitor
from appliance.web.settings_words import CHOICES, LABELS, WRITE_ONLY

_MOST_STATES = 30


async def show(request: Request, desk: Desk, _visitor: Visitor) -> Response:
    """All sections, with how many of their values were changed, and the history."""
    told: dict[str, Any] = {"unreadable": "", "waiting": {}, "can_restart": False}
    told["has_good"] = await desk.blocking(settings_history.good, desk.state) is not None
    changed: dict[str, int] = {}
    try:
        chosen = await settings.in_file(desk)
        told |= await desk.ask("settings_waiting")
        for name, _, _ in settings_file.differences(Settings(), chosen):
            section = name.partition(".")[0]
            changed[section] = changed.get(section, 0) + 1
    except BadSettings as error:
        told["unreadable"] = str(error)
    return render.page(
        request, desk, "settings.html",
        titles={each: title(each) for each in settings.SECTIONS},
        changed=changed,
        states=await desk.blocking(settings_history.newest, desk.database, _MOST_STATES),
        labels=LABELS,
        words=CHOICES,
        secrets=WRITE_ONLY,
        **told,
    )  # fmt: skip


async def show_section(request: Request, desk: Desk, _visitor: Visitor) -> Response:
    """The form of one section."""
    section = str(request.path_params["section"])
    if section not in settings.SECTIONS:
        raise HTTPException(404)
    try:
        chosen = await settings.in_file(desk)
    except BadSettings:  # the page of all settings says so and how to go on
        return RedirectResponse("/settings", 303)
    heading, more = title(section)
    return render.page(
        request, desk, "settings_section.html",
        section=section,
        heading=heading,
        more=more,
        values=settings_file.values(chosen, section),
        usual=settings_file.values(Settings(), section),
        words=CHOICES,
        secrets=WRITE_ONLY,
        **await desk.ask("settings_waiting"),
    )  # fmt: skip


def title(section: str) -> tuple[str, str]:
    """The first sentence of a section's own words as a heading, and the others."""
    words = " ".join((type(getattr(Settings(), section)).__doc__ or section).split())
    first, _, more = words.partition(". ")
    return first.rstrip("."), more


PAGES = (
    Page("/settings", show, Role.OWNER, does=("settings_back", "restart"),
         tells=frozenset(("restart",))),
    Page("/settings/{section}", show_section, Role.OWNER,
         does=tuple(f"settings_{each}" for each in settings.SECTIONS)),
)  # fmt: skip
