"""Moving in: all moves, and each with its comparison, folder by folder."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from appliance.web import render
from appliance.web.desk import Desk
from appliance.web.fields import Values
from appliance.web.operation import perform
from appliance.web.operations import moving_in
from appliance.web.operations.table import BY_NAME
from appliance.web.page import Page
from appliance.web.roles import Role, Visitor


async def show(request: Request, desk: Desk, visitor: Visitor) -> Response:
    """All moves, and how another one begins."""
    moves = await moving_in.moves(desk, visitor, Values())
    name, rows = getattr(request.state, "result", ("", []))
    read: list[dict[str, Any]] = rows if name == "move_import" else []
    return render.page(request, desk, "moving_in.html", moves=moves, read=read)


async def show_one(request: Request, desk: Desk, visitor: Visitor) -> Response:
    """One move."""
    given: dict[str, Any] = {"number": str(request.path_params["number"])}
    move = await perform(desk, visitor, BY_NAME["move"], given)
    return render.page(request, desk, "moving_in_one.html", move=move)


PAGES = (
    Page(
        "/moving-in", show, Role.OWNER, does=("move_add", "move_import"),
        tells=frozenset(("move_import",)),
        leads={"move_add": lambda made: f"/moving-in/{made['number']}"},
    ),
    Page(
        "/moving-in/{number}", show_one, Role.OWNER,
        does=("move_pause", "move_resume", "move_look", "move_password", "move_consent",
              "move_end", "move_remove"),
    ),
)  # fmt: skip
