"""The pages: one file each, one table of all."""

from __future__ import annotations

from starlette.routing import Route

from appliance.web.desk import Desk
from appliance.web.page import Page
from appliance.web.pages import (
    backups,
    changes,
    disks,
    domain,
    door,
    export,
    flow,
    forgotten,
    health,
    home,
    importing,
    log,
    me,
    moving_in,
    network,
    passkey,
    person,
    queue,
    resetting,
    restore,
    settings,
    setup,
    simulator,
    start,
    trace,
    updates,
)

PAGES: tuple[Page, ...] = (
    home.PAGE,
    *importing.PAGES,
    *person.PAGES,
    start.SHEET,
    domain.PAGE,
    flow.PAGE,
    *moving_in.PAGES,
    trace.PAGE,
    queue.PAGE,
    backups.PAGE,
    *restore.PAGES,
    *export.PAGES,
    *disks.PAGES,
    network.PAGE,
    updates.PAGE,
    health.PAGE,
    *settings.PAGES,
    resetting.PAGE,
    *log.PAGES,
    changes.PAGE,
    me.PAGE,
    setup.SHEET,
    setup.SHEET_FILE,
    setup.PAGE,
    simulator.PAGE,
)


def open_routes(desk: Desk) -> list[Route]:
    """What is there for somebody who is not logged in."""
    return [
        *door.routes(desk), *passkey.routes(desk), *setup.routes(desk), *start.routes(desk),
        *network.routes(desk), *forgotten.routes(desk), *updates.routes(desk),
    ]  # fmt: skip
