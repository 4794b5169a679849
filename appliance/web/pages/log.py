"""Log: what the daemon wrote since it started, as far as it remembers; and the same as text."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from appliance.support.bundle import pack
from appliance.web import render
from appliance.web.desk import Desk
from appliance.web.fields import BadFields
from appliance.web.operation import perform
from appliance.web.operations.box import LEVELS
from appliance.web.operations.table import BY_NAME
from appliance.web.page import Page, Problem
from appliance.web.roles import Role, Visitor

_SHOWN, _ALL = 200, 2000
_STATES = {"error": "fault", "critical": "fault", "warning": "attention"}


async def show(request: Request, desk: Desk, visitor: Visitor) -> Response:
    """The newest lines that fit."""
    asked = _asked(request)
    try:
        lines = await _lines(desk, visitor, asked, _SHOWN)
    except BadFields as error:
        request.state.problem = Problem("log", str(error), error.errors, asked)
        lines = []
    return render.page(
        request, desk, "log.html",
        lines=lines, asked=asked, states=_STATES, shown=_SHOWN, query=urlencode(asked),
    )  # fmt: skip


async def download(request: Request, desk: Desk, visitor: Visitor) -> Response:
    """All lines that fit, the oldest first, as every log is read."""
    lines = await _lines(desk, visitor, _asked(request), _ALL)
    text = "".join(f"{stamp(each['at'])} {each['level']} {each['text']}\n" for each in lines[::-1])
    name = f"pillarbox-log-{datetime.fromtimestamp(desk.now).date().isoformat()}.txt"  # noqa: DTZ006 - the office's own day
    return PlainTextResponse(
        text, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )


async def support(_request: Request, desk: Desk, _visitor: Visitor) -> Response:
    """What somebody who helps may see."""
    packed = await desk.blocking(pack, await desk.ask("support"))
    name = f"pillarbox-support-{datetime.fromtimestamp(desk.now).date().isoformat()}.zip"  # noqa: DTZ006 - the office's own day
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(packed, media_type="application/zip", headers=headers)


def stamp(at: float) -> str:
    """A moment in the office's own time, with its distance from UTC (ISO 8601)."""
    return datetime.fromtimestamp(at).astimezone().isoformat(timespec="seconds")


def _asked(request: Request) -> dict[str, str]:
    level = request.query_params.get("level", "")
    words = request.query_params.get("words", "")
    return {"level": level if level in LEVELS else "info", "words": words}


async def _lines(
    desk: Desk, visitor: Visitor, asked: dict[str, str], most: int
) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = await perform(
        desk, visitor, BY_NAME["log"], {**asked, "most": most}
    )
    return found


PAGES = (Page("/log", show, Role.OWNER), Page("/log.txt", download, Role.OWNER),
         Page("/support.zip", support, Role.OWNER))  # fmt: skip
