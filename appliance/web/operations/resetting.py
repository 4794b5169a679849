"""The box as it was delivered: an owner asks for it with the password and the name of the box."""

from __future__ import annotations

from appliance.web import entry
from appliance.web.desk import Desk
from appliance.web.fields import BadFields, Field, Kind, Values
from appliance.web.language import N_
from appliance.web.operation import Operation, beside
from appliance.web.operations.own import NOW
from appliance.web.roles import Role, Visitor

MAIL = Field(
    "mail", N_("The mail"), Kind.CHOICE,
    choices=(("keep", N_("stays; an account with the address of an earlier one finds it")),
             ("erase", N_("is deleted, on the mail disk as well"))),
)  # fmt: skip
NAME = Field(
    "name", N_("Name of the box"),
    help=N_("As it stands above: so that nobody resets the wrong box, or one at all by mistake."),
)  # fmt: skip


async def reset(desk: Desk, visitor: Visitor, values: Values) -> None:
    """Be as delivered. Raises BadFields, AuthenticationFailed, Refused."""
    if values["name"].strip().casefold() != name_of(desk).casefold():
        raise BadFields({"name": N_("This is not the name of the box.")})
    with beside("now"):
        await entry.check_password(desk, visitor.login, values["now"], visitor.peer)
    await desk.ask("reset", mail=values["mail"])


def name_of(desk: Desk) -> str:
    """What is to be typed: the office's name, or what the box calls itself."""
    return (desk.office.name or desk.host).strip()


OPERATIONS = (
    Operation("reset", "POST", "/reset", Role.OWNER, "box", N_("Reset the box"), reset,
              (MAIL, NAME, NOW), needs_button=True),
)  # fmt: skip
