"""Changed settings, while the box runs: most hold at once, some only after a restart.

Most of the house reads `parts.settings` when it needs one, so putting the new tree there is enough;
the few that keep one of their own are told here. What is built once at the start (names, pins,
whether mail from strangers is judged) waits for the next one. Belongs to the
event loop.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from appliance import lastgood, settings
from appliance.clock import use_zone
from appliance.doors import Doors
from appliance.errors import Refused
from appliance.net import systemd
from appliance.parts import Parts
from appliance.post import outside
from appliance.sections import Hardware
from appliance.settings import Settings
from appliance.web import settings_file, settings_history
from appliance.web.settings_words import WRITE_ONLY

log = logging.getLogger("pillarbox")

SETTINGS = "settings.toml"  # in STATE
LATER: dict[str, frozenset[str]] = {
    "server": frozenset(("host_name", "proxies")),
    "storage": frozenset(("mail",)),
    "dns": frozenset(("servers",)),
    "fetch": frozenset(("ca_file",)),
    "filters": frozenset(("dmarc",)),
    "hardware": frozenset(each.name for each in dataclasses.fields(Hardware)),
}
"""What waits for the next start, by section."""
_RESTART_SECONDS = 1.0  # for the answer to whoever asked, and the page around it


class Adapting:
    """Has the parts go by what the file says now."""

    def __init__(
        self,
        parts: Parts,
        doors: Doors,
        look_at_ways: Callable[[], Awaitable[None]],
        stop: Callable[[], None],
    ) -> None:
        self._parts = parts
        self._doors = doors
        self._look_at_ways = look_at_ways
        self._stop = stop
        self._changing = asyncio.Lock()  # two at once must not leave the older text in force

    def acts(self) -> dict[str, Callable[..., Awaitable[Any]]]:
        """What page and command line may ask."""
        return {
            "settings_changed": self.changed,
            "settings_waiting": self.waiting,
            "restart": self.restart,
        }

    async def changed(self) -> None:
        """The file has changed. Raises BadSettings, and then all stays as it is."""
        async with self._changing:
            await self._change()

    async def _change(self) -> None:
        parts = self._parts
        state = parts.options.state
        text = await asyncio.to_thread(settings_history.content, state)
        wanted = await asyncio.to_thread(lastgood.checked, text)
        tree = parts.in_force.tree = merged(wanted, parts.settings)
        logging.getLogger().setLevel(tree.server.log_level.upper())
        self._doors.change(tree)
        await asyncio.to_thread(go_by_zone, tree)
        parts.voice.fixed = tree.server.language
        parts.sending.change(tree.sending)
        parts.recorder.change(days=tree.trace.days, most=tree.trace.most_events)
        parts.reporting.sends = tree.reports.send
        world = parts.outside
        if world.judge is not None:
            hurdles = partial(outside.hurdles, tree, parts.database, world.resolver, parts.clock)
            world.judge.change(*await asyncio.to_thread(hurdles))
        await self._look_at_ways()
        await asyncio.to_thread(settings_history.keep_good, state, text)
        parts.board.take_down(lastgood.CONDITION)
        log.info("the settings have changed")

    async def waiting(self) -> dict[str, Any]:
        """What is not in force yet, with the value that holds until then; what ever waits for a
        restart; and whether there is somebody who starts us again."""
        parts = self._parts
        wanted = await asyncio.to_thread(settings.load, parts.options.state / SETTINGS)
        return {
            "waiting": differing(wanted, parts.settings),
            "later": sorted(f"{section}.{name}" for section in LATER for name in LATER[section]),
            "can_restart": systemd.is_watched(),
        }

    async def restart(self) -> None:
        """End in order; the service manager starts us again. Raises Refused where there is none."""
        if not systemd.is_watched():
            raise Refused(
                "Nobody here would start it again. Stop it where it was started (Ctrl-C), and "
                "start it once more: ./build.sh run"
            )
        log.info("restarting: somebody asked for it")
        asyncio.get_running_loop().call_later(_RESTART_SECONDS, self._stop)


def go_by_zone(tree: Settings) -> None:
    """Tell the time of the office from now on. Blocks."""
    if not use_zone(tree.office.time_zone):
        log.warning("there is no time zone %s; that of the machine counts", tree.office.time_zone)


def merged(wanted: Settings, present: Settings) -> Settings:
    """What is wanted, but for what only the next start can change. Pure."""
    sections = {}
    for section in dataclasses.fields(Settings):
        now, then = getattr(present, section.name), getattr(wanted, section.name)
        kept = {name: getattr(now, name) for name in LATER.get(section.name, ())}
        sections[section.name] = dataclasses.replace(then, **kept)
    return Settings(**sections)


def differing(wanted: Settings, present: Settings) -> dict[str, Any]:
    """Settings as section.name that are not in force as they are wanted, with what is; of a secret
    only whether there is one. What was changed in the file by hand is among them. Pure."""
    return {
        name: bool(now) if name in WRITE_ONLY else now
        for name, now, _ in settings_file.differences(present, wanted)
    }
