"""/metrics: the box in numbers for Prometheus, for a token of the scope `metrics` alone.

No page and no session opens it, and the token opens nothing else, so what is written into the
configuration of a monitor can do no harm.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from appliance.web.desk import Desk
from appliance.web.exposition import CONTENT_TYPE, Metric, Sample, counter, gauge, written
from appliance.web.roles import METRICS, Role, Visitor


def route(desk: Desk) -> Route:
    """Where it stands."""

    async def endpoint(request: Request) -> Response:
        visitor: Visitor = request.state.visitor
        if visitor.scopes is None:
            return PlainTextResponse(
                "Send a token of the scope metrics: Authorization: Bearer TOKEN\n",
                401,
                {"WWW-Authenticate": "Bearer"},
            )
        if not visitor.may(Role.HELPER, METRICS):
            return PlainTextResponse("This token is not for metrics.\n", 403)
        counted, status = await desk.ask("counts"), await desk.ask("status")
        proven = await desk.blocking(_last_proven, desk)
        age = desk.now - proven if proven else None
        text = written(metrics(counted, status, age))
        return Response(text, headers={"Content-Type": CONTENT_TYPE})

    return Route("/metrics", endpoint, methods=["GET"])


def _last_proven(desk: Desk) -> float:
    return max((each.last_proven for each in desk.backups.targets()), default=0.0)


def metrics(
    counted: dict[str, Any], status: dict[str, Any], backup_age: float | None
) -> list[Metric]:
    """Everything, from what the daemon counted and how it is. Pure."""
    return [*_mail(counted), *_box(counted, status, backup_age)]


def _mail(counted: dict[str, Any]) -> list[Metric]:
    queue = counted["waiting"]
    attempts: list[Sample] = [({"outcome": each}, n) for each, n in counted["attempts"].items()]
    logins: list[Sample] = [
        ({"service": service, "result": result}, n) for service, result, n in counted["logins"]
    ]
    inside: list[Sample] = [({"service": each}, n) for each, n in counted["connections"].items()]
    oldest = queue["oldest_seconds"]
    return [
        counter("pillarbox_messages_received", "Messages from outside.", counted["came"]),
        counter("pillarbox_messages_sent", "Messages that people here sent.", counted["went"]),
        counter("pillarbox_refusals", "Messages or recipients not accepted.", counted["refused"]),
        counter("pillarbox_attempts", "Attempts at a recipient, by what came of them.", attempts),
        counter("pillarbox_logins", "Logins, by service and whether they succeeded.", logins),
        gauge("pillarbox_queue_messages", "Messages that wait.", queue["messages"]),
        gauge("pillarbox_queue_held_messages", "Those of them that are held.", queue["held"]),
        gauge("pillarbox_queue_oldest_seconds", "How long the oldest not held waits.", oldest),
        gauge("pillarbox_connections", "Connections of mail programs and servers.", inside),
    ]


def _box(counted: dict[str, Any], status: dict[str, Any], backup_age: float | None) -> list[Metric]:
    disks, conditions = counted["disks"], status["conditions"]
    used: list[Sample] = [({"disk": each["key"]}, each["used"]) for each in disks]
    free: list[Sample] = [({"disk": each["key"]}, each["free"]) for each in disks]
    lit: list[Sample] = [
        ({"key": each["key"], "severity": each["severity"]}, 1) for each in conditions
    ]
    version: list[Sample] = [({"version": status["version"]}, 1)]
    return [
        gauge("pillarbox_info", "The version that runs.", version),
        gauge("pillarbox_disk_used_bytes", "Space that is taken.", used),
        gauge("pillarbox_disk_free_bytes", "Space that is left.", free),
        gauge("pillarbox_temperature_celsius", "Of the processor.", counted["temperature"]),
        gauge("pillarbox_memory_bytes", "Memory of the daemon.", status["memory_octets"]),
        gauge("pillarbox_backup_age_seconds", "Since the newest proven backup.", backup_age),
        gauge("pillarbox_conditions", "How much stands on the board.", len(conditions)),
        gauge("pillarbox_condition", "What stands on the board.", lit),
    ]
