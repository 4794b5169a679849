"""What can be done by page and API, each in one place: who may, what it needs, what it does.

Pages and the API both go through `perform`, so a role is checked, a button asked for and a deed
written down in one way, whoever asks.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from appliance.errors import Refused
from appliance.web.audit import Deed
from appliance.web.desk import Desk
from appliance.web.fields import BadFields, Field, Kind, Values, read
from appliance.web.language import N_
from appliance.web.roles import Role, Visitor

Doing = Callable[[Desk, Visitor, Values], Awaitable[Any]]


class Forbidden(Refused):
    """The visitor's role, or the token's scope, does not go that far."""


class PressTheButton(Refused):
    """Somebody must press the button on the box first."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that can be asked or done."""

    name: str  # a verb and what it is done to: account_add
    method: str
    path: str  # in the API, below /api/v1; {name} stands for a field
    role: Role
    scope: str
    summary: str
    do: Doing
    fields: tuple[Field, ...] = ()
    needs_button: bool = False

    @property
    def changes(self) -> bool:
        """Whether anything is other than before."""
        return self.method != "GET"


@contextlib.contextmanager
def beside(name: str) -> Iterator[None]:
    """What is refused within is the fault of this field."""
    try:
        yield
    except BadFields:
        raise
    except Refused as error:
        raise BadFields({name: str(error)}) from error


async def perform(
    desk: Desk, visitor: Visitor, operation: Operation, given: Mapping[str, Any]
) -> Any:
    """Do it, if this visitor may.

    Raises:
        Forbidden: they may not.
        PressTheButton: not before somebody pressed the button.
        BadFields: something typed cannot be used.
        PillarboxError: it cannot be done; one plain sentence.
    """
    if not visitor.may(operation.role, operation.scope):
        raise Forbidden(N_("You may not do this; ask the owner of the box."))
    values = read(operation.fields, given)
    if operation.needs_button and has_button(desk):
        wanted = f"{operation.name} {sorted(_told(operation, values).items())}"
        if not desk.presence.ask(wanted, visitor.login, desk.clock.monotonic()):
            raise PressTheButton(N_("Press the button on the box within a minute, then go on."))
    result = await operation.do(desk, visitor, values)
    if operation.changes:
        deed = Deed(visitor.login, visitor.peer, operation.name, _told(operation, values))
        await desk.note(deed)
    return result


def has_button(desk: Desk) -> bool:
    """Whether there is a button to press: simulated, or on the board."""
    return desk.simulate or (desk.settings.hardware.pins and desk.settings.hardware.button_pin > 0)


def _told(operation: Operation, values: Values) -> dict[str, Any]:
    """What may be written down: no secrets, and long texts only by their length."""
    told: dict[str, Any] = {}
    for field in operation.fields:
        value = values.get(field.name)
        if field.kind is Kind.SECRET or field.is_private or value in ("", None, ()):
            continue
        if field.kind is Kind.LINES:
            value = f"{len(str(value))} characters"
        elif field.kind is Kind.TEXTS:
            value = f"{len(value)} chosen"
        told[field.name] = value
    return told
