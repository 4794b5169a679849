"""Moving in: the mail of accounts at other servers comes into accounts here."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from appliance.accounts.addresses import canonical
from appliance.errors import Refused
from appliance.fetch.remote import Trouble
from appliance.fetch.source import Security
from appliance.web.desk import Desk
from appliance.web.fields import BadFields, Field, Kind, Values
from appliance.web.language import N_
from appliance.web.operation import Operation, beside
from appliance.web.operations import consenting
from appliance.web.roles import Role, Visitor

ADDRESS = Field("address", N_("Into the account"), help=N_("An address here."))
HOST = Field("host", N_("Their server"), help=N_("For IMAP, such as imap.example.net."))
USER = Field("user", N_("User name there"), help=N_("Mostly the whole address."))
PASSWORD = Field("password", N_("Password there"), Kind.SECRET, required=False)
NEW_PASSWORD = Field("password", N_("Password there"), Kind.SECRET)
SECURITY = Field(
    "security", N_("Encryption"), Kind.CHOICE, required=False, default=Security.TLS.value,
    choices=((Security.TLS.value, "TLS"), (Security.STARTTLS.value, "STARTTLS")),
)  # fmt: skip
PORT = Field(
    "port", N_("Port"), Kind.NUMBER, required=False, default=0, low=0, high=65535,
    help=N_("Empty: the usual one."),
)  # fmt: skip
NUMBER = Field("number", N_("Number"), Kind.NUMBER)
LIST = Field(
    "list", N_("List"), Kind.LINES, may_be_file=True, is_private=True,
    help=N_("As a spreadsheet saves it (CSV), with the columns address, server, user and "
            "password; port and security as need be."),
)  # fmt: skip


async def moves(desk: Desk, _visitor: Visitor, _values: Values) -> list[dict[str, Any]]:
    """All moves, and how far they are."""
    found: list[dict[str, Any]] = await desk.ask("moves")
    return [{name: each[name] for name in each if name != "folders"} for each in found]


async def move(desk: Desk, _visitor: Visitor, values: Values) -> dict[str, Any]:
    """One move, folder by folder, and what is left out."""
    found: dict[str, Any] = await desk.ask("move_show", number=values["number"])
    return found


async def add(desk: Desk, _visitor: Visitor, values: Values) -> dict[str, Any]:
    """Try the login, and bring the mail."""
    consent = consenting.consent_of(values)
    if consent is None and not values["password"]:
        raise BadFields({"password": N_("Please fill this in.")})
    with beside("address"):
        if canonical(values["address"]) not in desk.gate.directory.accounts:
            raise Refused(N_("There is no such account here; add it first, under People."))
    there = {name: values[name] for name in ("host", "user", "password", "port", "security")}
    try:
        with beside("host"):
            number = await desk.ask(
                "move_add", account=values["address"], there=there,
                consent=None if consent is None else asdict(consent),
            )  # fmt: skip
    except Trouble as error:
        raise _of_a_field(error, consent is not None) from error
    return {"number": number}


def _of_a_field(error: Trouble, is_consent: bool) -> BadFields:
    """What the other server said, beside the field that is most likely wrong."""
    field = "host"
    if error.is_login:
        field = "password"
    elif is_consent:
        field = "client_id"
    return BadFields({field: str(error)})


async def take_list(desk: Desk, _visitor: Visitor, values: Values) -> list[dict[str, Any]]:
    """Many at once; each is tried, and the list of moves says how it went."""
    with beside("list"):
        found: list[dict[str, Any]] = await desk.ask("move_import", text=values["list"])
    return found


async def pause(desk: Desk, _visitor: Visitor, values: Values) -> None:
    """Bring nothing until it goes on."""
    await desk.ask("move_pause", number=values["number"], is_paused=True)


async def resume(desk: Desk, _visitor: Visitor, values: Values) -> None:
    """Go on."""
    await desk.ask("move_pause", number=values["number"], is_paused=False)


async def look(desk: Desk, _visitor: Visitor, values: Values) -> None:
    """Look for new mail there at once."""
    await desk.ask("move_look", number=values["number"])


async def password(desk: Desk, _visitor: Visitor, values: Values) -> None:
    """Another password for the other server, which is tried first."""
    try:
        await desk.ask("move_password", number=values["number"], password=values["password"])
    except Trouble as error:
        raise BadFields({"password": str(error)}) from error


async def consent(desk: Desk, _visitor: Visitor, values: Values) -> dict[str, Any]:
    """Ask the provider for a code that is typed into its page."""
    found: dict[str, Any] = await desk.ask("move_consent", number=values["number"])
    return found


async def end(desk: Desk, _visitor: Visitor, values: Values) -> None:
    """Bring nothing any more, and forget the password."""
    await desk.ask("move_end", number=values["number"])


async def remove(desk: Desk, _visitor: Visitor, values: Values) -> None:
    """Take one that has ended off the list."""
    await desk.ask("move_remove", number=values["number"])


_OWNER, _FLOW = Role.OWNER, "mail-flow"
OPERATIONS = (
    Operation("moves", "GET", "/moves", _OWNER, "read", N_("Accounts that move in"), moves),
    Operation("move", "GET", "/moves/{number}", _OWNER, _FLOW,
              N_("One that moves in, folder by folder"), move, (NUMBER,)),
    Operation("move_add", "POST", "/moves", _OWNER, _FLOW, N_("Bring the mail of an account"),
              add, (ADDRESS, HOST, USER, consenting.LOGIN, PASSWORD, *consenting.FIELDS[1:],
                    SECURITY, PORT)),
    Operation("move_import", "POST", "/moves/import", _OWNER, _FLOW,
              N_("Bring the mail of many accounts"), take_list, (LIST,)),
    Operation("move_pause", "POST", "/moves/{number}/pause", _OWNER, _FLOW,
              N_("Let a move rest"), pause, (NUMBER,)),
    Operation("move_resume", "POST", "/moves/{number}/resume", _OWNER, _FLOW,
              N_("Go on with a move"), resume, (NUMBER,)),
    Operation("move_look", "POST", "/moves/{number}/look", _OWNER, _FLOW,
              N_("Look for new mail there"), look, (NUMBER,)),
    Operation("move_password", "PUT", "/moves/{number}/password", _OWNER, _FLOW,
              N_("Another password for a move"), password, (NUMBER, NEW_PASSWORD)),
    Operation("move_consent", "POST", "/moves/{number}/consent", _OWNER, _FLOW,
              N_("Ask for consent to a move"), consent, (NUMBER,)),
    Operation("move_end", "POST", "/moves/{number}/end", _OWNER, _FLOW,
              N_("End a move"), end, (NUMBER,)),
    Operation("move_remove", "DELETE", "/moves/{number}", _OWNER, _FLOW,
              N_("Take a move off the list"), remove, (NUMBER,)),
)  # fmt: skip
