"""The box's address in the office: how it is, trying another, keeping it or going back."""

from __future__ import annotations

import ipaddress
from typing import Any

from appliance.helper import network
from appliance.helper.network import Plan
from appliance.web.desk import Desk
from appliance.web.fields import BadFields, Field, Kind, Values
from appliance.web.language import N_
from appliance.web.operation import Operation
from appliance.web.roles import Role, Visitor

AUTOMATIC, FIXED = "automatic", "fixed"
WAY = Field(
    "way", N_("The address"), Kind.CHOICE,
    choices=((AUTOMATIC, N_("The router gives it (DHCP)")), (FIXED, N_("It is always this one"))),
)  # fmt: skip
ADDRESS = Field(
    "address", N_("Address of the box"), required=False,
    help=N_("Only where it is always the same, such as 192.168.1.20. The router must not give it "
            "to anybody else."),
)  # fmt: skip
NETMASK = Field("netmask", N_("Network mask"), required=False, default="255.255.255.0")
GATEWAY = Field("gateway", N_("Address of the router"), required=False)
NAMESERVERS = Field(
    "nameservers", N_("Name servers"), required=False,
    help=N_("Numeric addresses with spaces between; most often the router's. Empty: what the "
            "router says."),
)  # fmt: skip


async def state(desk: Desk, _visitor: Visitor, _values: Values) -> dict[str, Any]:
    """How it is now, what is kept, and what is tried."""
    found: dict[str, Any] = await desk.ask("network_status")
    if found["trial"] is not None:
        del found["trial"]["token"]  # it is proof that the box was reached
    return found


async def try_out(desk: Desk, _visitor: Visitor, values: Values) -> None:
    """Use another address for a minute."""
    plan = _plan(values)
    if wrong := network.problems(plan):
        raise BadFields(wrong)
    await desk.ask(
        "network_try",
        address=plan.address, gateway=plan.gateway, nameservers=list(plan.nameservers),
    )  # fmt: skip


async def keep(desk: Desk, _visitor: Visitor, _values: Values) -> None:
    """What is tried stays."""
    await desk.ask("network_keep")


async def undo(desk: Desk, _visitor: Visitor, _values: Values) -> None:
    """Go back at once."""
    await desk.ask("network_undo")


def _plan(values: Values) -> Plan:
    """What was typed; the device is the daemon's business. Raises BadFields."""
    nameservers = tuple(values["nameservers"].replace(",", " ").split())
    if values["way"] == AUTOMATIC:
        return Plan("", "", "", nameservers)
    needed = {name: N_("Please fill this in.") for name in ("address", "gateway")
              if not values[name]}  # fmt: skip
    if needed:
        raise BadFields(needed)
    address, _, length = values["address"].partition("/")
    try:
        length = length or ipaddress.IPv4Network(f"0.0.0.0/{values['netmask']}").prefixlen
    except ValueError:
        raise BadFields({"netmask": N_("This is no network mask such as 255.255.255.0.")}) from None
    return Plan("", f"{address}/{length}", values["gateway"], nameservers)


def filled_in(told: dict[str, Any]) -> dict[str, str]:
    """What the form begins with: what is kept, else what is so now. Pure."""
    kept, now = told["kept"], told["now"] or {}
    fixed = bool(kept and kept["address"])
    address = kept["address"] if fixed else next(iter(now.get("addresses", ())), "")
    gateway = kept["gateway"] if fixed else now.get("gateway", "")
    host, _, length = address.partition("/")
    mask = ipaddress.IPv4Network(f"0.0.0.0/{length}").netmask if length else NETMASK.default
    return {
        "way": FIXED if fixed else AUTOMATIC,
        "address": host,
        "netmask": str(mask),
        "gateway": gateway,
        "nameservers": " ".join(kept["nameservers"] if kept else ()),
    }


_OWNER, _BOX = Role.OWNER, "box"
OPERATIONS = (
    Operation("network", "GET", "/network", Role.HELPER, "read",
              N_("How the box is in the network"), state),
    Operation("network_try", "POST", "/network/try", _OWNER, _BOX,
              N_("Try another address for a minute"), try_out,
              (WAY, ADDRESS, NETMASK, GATEWAY, NAMESERVERS)),
    Operation("network_keep", "POST", "/network/keep", _OWNER, _BOX, N_("Keep the address"), keep),
    Operation("network_undo", "POST", "/network/undo", _OWNER, _BOX, N_("Go back"), undo),
)  # fmt: skip
