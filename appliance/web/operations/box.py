"""The box as a whole: how it is, what is wrong, what its lamps show, who did what."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from appliance.web import audit
from appliance.web.desk import Desk
from appliance.web.fields import Field, Kind, Values
from appliance.web.language import N_
from appliance.web.operation import Operation
from appliance.web.roles import Role, Visitor
from appliance.web.settings_words import CHOICES

LEVELS = ("debug", "info", "warning", "error")
BEFORE = Field("before", N_("Before"), Kind.NUMBER, required=False, default=0)

LEVEL = Field(
    "level", N_("How much"), Kind.CHOICE, required=False, default="info",
    choices=tuple((each, CHOICES[each]) for each in LEVELS),
)  # fmt: skip
WORDS = Field("words", N_("With the words"), required=False)
MOST = Field("most", N_("At most"), Kind.NUMBER, required=False, default=200, low=1, high=2000)
SPAN = Field(
    "span", N_("Span"), Kind.CHOICE, required=False, default="day",
    choices=(("day", N_("a day")), ("week", N_("a week")), ("month", N_("four weeks"))),
)  # fmt: skip


async def status(desk: Desk, _visitor: Visitor, _values: Values) -> dict[str, Any]:
    """How the box is, and the conditions that hold."""
    found: dict[str, Any] = await desk.ask("status")
    return found


async def health(desk: Desk, _visitor: Visitor, _values: Values) -> dict[str, Any]:
    """What was measured just now, and what the checks find."""
    found: dict[str, Any] = await desk.ask("health")
    return found


async def series(desk: Desk, _visitor: Visitor, values: Values) -> dict[str, Any]:
    """What was measured over time: for each kind slots with sum, number, least and most."""
    found: dict[str, Any] = await desk.ask("health_series", span=values["span"])
    return found


async def log(desk: Desk, _visitor: Visitor, values: Values) -> list[dict[str, Any]]:
    """What was logged lately, newest first."""
    level, words = values["level"], values["words"]
    found: list[dict[str, Any]] = await desk.ask(
        "log", level=level, words=words, most=values["most"]
    )
    return found


async def lamps(desk: Desk, _visitor: Visitor, _values: Values) -> dict[str, Any]:
    """How the lamps shine now."""
    found: dict[str, Any] = await desk.ask("sim_leds")
    return found


async def alert_test(desk: Desk, _visitor: Visitor, _values: Values) -> dict[str, str]:
    """Send a test by each way in which alerts go out; what went wrong with each."""
    found: dict[str, str] = await desk.ask("health_test_alert")
    return found


async def deeds(desk: Desk, _visitor: Visitor, values: Values) -> list[dict[str, Any]]:
    """Who changed what, newest first."""
    found = await desk.blocking(audit.newest, desk.database, 100, values["before"])
    return [asdict(each) for each in found]


async def deeds_check(desk: Desk, _visitor: Visitor, _values: Values) -> dict[str, Any]:
    """Whether anybody changed what was written down."""
    broken = await desk.blocking(audit.first_break, desk.database)
    return {"is_whole": broken is None, "first_break": broken}


_READ, _BOX = "read", "box"
OPERATIONS = (
    Operation("status", "GET", "/status", Role.HELPER, _READ, N_("How the box is"), status),
    Operation("health", "GET", "/health", Role.HELPER, _READ, N_("What was measured"), health),
    Operation("health_series", "GET", "/health/series", Role.HELPER, _READ,
              N_("What was measured over time"), series, (SPAN,)),
    Operation("log", "GET", "/log", Role.OWNER, _READ, N_("What was logged lately"), log,
              (LEVEL, WORDS, MOST)),
    Operation("lamps", "GET", "/lamps", Role.HELPER, _READ, N_("What the lamps show"), lamps),
    Operation("alert_test", "POST", "/health/test-alert", Role.HELPER, _BOX,
              N_("Send a test alert"), alert_test),
    Operation("deeds", "GET", "/audit", Role.OWNER, _READ, N_("Who changed what"), deeds,
              (BEFORE,)),
    Operation("deeds_check", "GET", "/audit/check", Role.OWNER, _READ,
              N_("Whether the record of changes is whole"), deeds_check),
)  # fmt: skip
