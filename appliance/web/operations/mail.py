"""The queue, and where each message is."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from appliance.trace.archive import Archive, Wanted
from appliance.web.desk import Desk
from appliance.web.fields import Field, Kind, Values
from appliance.web.language import N_
from appliance.web.operation import Operation
from appliance.web.roles import Role, Visitor

MESSAGE = Field("id", N_("Message"))
BOUNCE = Field("bounce", N_("Tell the sender"), Kind.SWITCH, required=False, default=False)
SENDER = Field("sender", N_("From"), required=False, help=N_("An address or a part of one."))
RECIPIENT = Field("recipient", N_("To"), required=False, help=N_("An address or a part of one."))
HOURS = Field(
    "hours", N_("Time"), Kind.CHOICE, required=False, default="24",
    choices=(("1", N_("the last hour")), ("24", N_("the last day")), ("168", N_("the last week")),
             ("744", N_("all that is kept"))),
)  # fmt: skip
_MOST = 100


async def queue(desk: Desk, _visitor: Visitor, _values: Values) -> list[dict[str, Any]]:
    """All messages that wait."""
    found: list[dict[str, Any]] = await desk.ask("queue_list")
    return found


async def queued(desk: Desk, _visitor: Visitor, values: Values) -> dict[str, Any]:
    """One message that waits."""
    found: dict[str, Any] = await desk.ask("queue_show", identity=values["id"])
    return found


async def queue_retry_all(desk: Desk, _visitor: Visitor, _values: Values) -> dict[str, int]:
    """Try all of them now."""
    return {"tried": await desk.ask("queue_retry")}


async def queue_retry(desk: Desk, _visitor: Visitor, values: Values) -> dict[str, int]:
    """Try one of them now."""
    return {"tried": await desk.ask("queue_retry", identity=values["id"])}


async def queue_hold(desk: Desk, _visitor: Visitor, values: Values) -> None:
    """Let it wait until it is tried by hand."""
    await desk.ask("queue_hold", identity=values["id"])


async def queue_delete(desk: Desk, _visitor: Visitor, values: Values) -> None:
    """Take it out."""
    await desk.ask("queue_delete", identity=values["id"], bounce=values["bounce"])


async def trace(desk: Desk, _visitor: Visitor, values: Values) -> list[dict[str, Any]]:
    """The stories of messages, newest first."""
    await desk.ask("trace_written")
    since = desk.now - int(values["hours"]) * 3600.0
    wanted = Wanted(values["sender"], values["recipient"], "", "", since, 1e12, _MOST)
    found = await desk.blocking(lambda: Archive(desk.database).find(wanted))
    return [asdict(each) for each in found]


_READ, _FLOW = "read", "mail-flow"
OPERATIONS = (
    Operation("queue", "GET", "/queue", Role.HELPER, _READ, N_("Mail that waits"), queue),
    Operation("queued", "GET", "/queue/{id}", Role.HELPER, _READ, N_("One message that waits"),
              queued, (MESSAGE,)),
    Operation("queue_retry_all", "POST", "/queue/retry", Role.HELPER, _FLOW,
              N_("Try all of it now"), queue_retry_all),
    Operation("queue_retry", "POST", "/queue/{id}/retry", Role.HELPER, _FLOW, N_("Try it now"),
              queue_retry, (MESSAGE,)),
    Operation("queue_hold", "POST", "/queue/{id}/hold", Role.HELPER, _FLOW,
              N_("Hold it until it is tried by hand"), queue_hold, (MESSAGE,)),
    Operation("queue_delete", "DELETE", "/queue/{id}", Role.HELPER, _FLOW,
              N_("Take it out of the queue"), queue_delete, (MESSAGE, BOUNCE)),
    Operation("trace", "GET", "/trace", Role.HELPER, _READ, N_("Where is my mail?"), trace,
              (SENDER, RECIPIENT, HOURS)),
)  # fmt: skip
