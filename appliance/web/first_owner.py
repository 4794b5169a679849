"""The first owner of a box, and what they say of their office: by the page or by a file."""

from __future__ import annotations

import logging
from functools import partial

from appliance.errors import PillarboxError
from appliance.speech import places
from appliance.web import people, settings_file, settings_history
from appliance.web.audit import Deed
from appliance.web.desk import Desk
from appliance.web.fields import Values
from appliance.web.operation import beside
from appliance.web.people import Person

log = logging.getLogger("pillarbox.web")


async def make(desk: Desk, values: Values, language: str, peer: str) -> Person:
    """Make them; `values`: login, name, password or password_hash, office, country, time_zone.

    Raises:
        BadFields: there is an owner, or the name cannot be used.
    """
    with beside("login"):
        person = await desk.blocking(people.first_owner, desk.database, values, desk.now)
    await settle(desk, person.login, values, language)
    await desk.note(Deed(person.login, peer, "first_owner", {"login": person.login}))
    return person


async def settle(desk: Desk, login: str, values: Values, language: str) -> None:
    """Keep what the office is called and where it is; a file of settings that was broken by hand
    keeps nobody out."""
    await desk.name_office(values["office"])
    await desk.choose_language(language)
    country = values["country"]
    wanted = {"country": country, "time_zone": values["time_zone"] or places.zone_of(country)}
    try:
        await desk.blocking(
            settings_history.save, desk.database, desk.state,
            partial(settings_file.changed, section="office", wanted=wanted), (login, ""), desk.now,
        )  # fmt: skip
        await desk.ask("settings_changed")
    except PillarboxError as error:
        log.warning("where the office is, is not kept: %s", error)
