"""Wi-Fi: which networks are in reach, joining one, leaving it."""

from __future__ import annotations

from typing import Any

from appliance.helper import wifi
from appliance.helper.wifi import Wish
from appliance.speech import places
from appliance.web.desk import Desk
from appliance.web.fields import BadFields, Field, Kind, Values
from appliance.web.language import N_
from appliance.web.operation import Operation
from appliance.web.roles import Role, Visitor

NAME = Field("name", N_("Name of the Wi-Fi"))
PASSWORD = Field(
    "password", N_("Password of the Wi-Fi"), Kind.SECRET, required=False,
    help=N_("Empty only where the Wi-Fi has none."),
)  # fmt: skip
COUNTRY = Field(
    "country", N_("Country"), Kind.COUNTRY, required=False,
    choices=(("", N_("that of the office")), *((each, each) for each in places.countries())),
    help=N_("Where the box stands; which channels it may use goes by it."),
)  # fmt: skip


async def state(desk: Desk, _visitor: Visitor, _values: Values) -> dict[str, Any]:
    """How it is, what is tried or was tried in vain, and the networks that were seen last."""
    found: dict[str, Any] = await desk.ask("wifi_status")
    return found


async def scan(desk: Desk, _visitor: Visitor, values: Values) -> list[dict[str, Any]]:
    """Look for networks; takes up to half a minute."""
    country = await _country(desk, values)
    if wrong := wifi.problems(Wish("any", "", country)):
        raise BadFields(wrong)
    found: list[dict[str, Any]] = await desk.ask("wifi_scan", country=country)
    return found


async def join(desk: Desk, _visitor: Visitor, values: Values) -> None:
    """Try a network; what came of it is told by the state."""
    name, password, country = values["name"], values["password"], await _country(desk, values)
    if wrong := wifi.problems(Wish(name, password, country)):
        raise BadFields(wrong)
    await desk.ask("wifi_join", name=name, password=password, country=country)


async def leave(desk: Desk, _visitor: Visitor, _values: Values) -> None:
    """Switch it off, and forget its password."""
    await desk.ask("wifi_leave")


async def _country(desk: Desk, values: Values) -> str:
    return values["country"] or str((await desk.ask("wifi_status"))["country"])


_OWNER, _BOX = Role.OWNER, "box"
OPERATIONS = (
    Operation("wifi", "GET", "/network/wifi", Role.HELPER, "read",
              N_("The Wi-Fi that the box is in, and those in reach"), state),
    Operation("wifi_scan", "POST", "/network/wifi/scan", _OWNER, _BOX,
              N_("Look for Wi-Fi networks"), scan, (COUNTRY,)),
    Operation("wifi_join", "POST", "/network/wifi/join", _OWNER, _BOX,
              N_("Try a Wi-Fi; unless it works, all is as before"), join,
              (NAME, PASSWORD, COUNTRY)),
    Operation("wifi_leave", "POST", "/network/wifi/leave", _OWNER, _BOX,
              N_("Leave the Wi-Fi and forget its password"), leave),
)  # fmt: skip
