"""Automatic answers: everybody's own, and an owner's for somebody who is away or has left."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from appliance.answering.answer import Answer
from appliance.answering.registry import Registry
from appliance.web.desk import Desk
from appliance.web.fields import Field, Kind, Values
from appliance.web.language import N_
from appliance.web.operation import Operation, beside
from appliance.web.operations.own import own_account
from appliance.web.operations.people import ADDRESS
from appliance.web.reaching import found_account, tell
from appliance.web.roles import Role, Visitor
from appliance.words import phrase

IS_ON = Field("is_on", N_("Answer automatically"), Kind.SWITCH, required=False)
BEGIN = Field("begin", N_("First day"), Kind.DATE, required=False, help=N_("Empty: from now on."))
END = Field("end", N_("Last day"), Kind.DATE, required=False, help=N_("Empty: until it is ended."))
SUBJECT = Field(
    "subject", N_("Subject"), required=False,
    help=N_('Empty: "Auto:" and the subject of the message.'),
)  # fmt: skip
TEXT = Field("text", N_("Text"), Kind.LINES, required=False)
INSIDE = Field(
    "inside_text", N_("Text for colleagues"), Kind.LINES, required=False,
    help=N_("Empty: the same text."),
)  # fmt: skip
_FIELDS = (IS_ON, BEGIN, END, SUBJECT, TEXT, INSIDE)


async def my_answer(desk: Desk, visitor: Visitor, _values: Values) -> dict[str, Any]:
    """One's own automatic answer."""
    return await _told(desk, own_account(visitor))


async def my_answer_set(desk: Desk, visitor: Visitor, values: Values) -> None:
    """Change one's own."""
    await _set(desk, own_account(visitor), values)


async def answer(desk: Desk, _visitor: Visitor, values: Values) -> dict[str, Any]:
    """Somebody's automatic answer."""
    return await _told(desk, found_account(desk, values["address"]).address)


async def answer_set(desk: Desk, visitor: Visitor, values: Values) -> None:
    """Change somebody's, who is told: it speaks in their name."""
    address = found_account(desk, values["address"]).address
    await _set(desk, address, values)
    await tell(desk, visitor, address, phrase("has changed your automatic answer"))


async def _told(desk: Desk, address: str) -> dict[str, Any]:
    found = await desk.blocking(lambda: Registry(desk.database).of(address))
    return asdict(found)


async def _set(desk: Desk, address: str, values: Values) -> None:
    given = {each.name: values[each.name] or each.default for each in _FIELDS if each != IS_ON}
    made = Answer(is_on=bool(values["is_on"]), **given)
    with beside("text"):
        await desk.blocking(lambda: Registry(desk.database).set(address, made))
    await desk.ask("answers_changed")


_USER, _OWN, _PEOPLE = Role.USER, "own", "people"
OPERATIONS = (
    Operation("my_answer", "GET", "/me/answer", _USER, "read", N_("My automatic answer"),
              my_answer),
    Operation("my_answer_set", "PUT", "/me/answer", _USER, _OWN,
              N_("Change my automatic answer"), my_answer_set, _FIELDS),
    Operation("answer", "GET", "/accounts/{address}/answer", Role.OWNER, _PEOPLE,
              N_("Somebody's automatic answer"), answer, (ADDRESS,)),
    Operation("answer_set", "PUT", "/accounts/{address}/answer", Role.OWNER, _PEOPLE,
              N_("Change somebody's automatic answer"), answer_set, (ADDRESS, *_FIELDS)),
)  # fmt: skip
