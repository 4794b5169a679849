"""The LAN page as a part of the box: its desk, and its ports for the doors."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from appliance import __version__
from appliance.backup.job import Job
from appliance.doors import Port
from appliance.parts import Parts
from appliance.web import app, regaining, trust
from appliance.web.backups import Backups
from appliance.web.desk import Act, Desk
from appliance.web.server import WebServer

HTTP, HTTPS = 80, 443


class LanPage:
    """Both sites. Building it blocks."""

    def __init__(self, parts: Parts, job: Job, acts: Mapping[str, Act]) -> None:
        options = parts.options
        self._clock = parts.clock
        self._desk = Desk(
            state=options.state,
            host=parts.host,
            version=__version__,
            simulate=options.simulate,
            port_base=options.port_base,
            settings=parts.settings,
            database=parts.database,
            gate=parts.gate,
            board=parts.board,
            clock=parts.clock,
            threads=parts.threads,
            backups=Backups(job),
            voice=parts.voice,
            acts=acts,
        )
        self._secure = WebServer(app.build(self._desk))
        self._clear = WebServer(trust.build(self._desk, HTTPS + options.port_base))

    @property
    def desk(self) -> Desk:
        """What the page works with."""
        return self._desk

    def begin(self, *, was_held: bool = False) -> None:
        """Go on with what was under way when the box stopped. `was_held`: its button, meanwhile."""
        self._desk.importer.begin(self._desk)
        if was_held:
            self._let_an_owner_in()

    def _let_an_owner_in(self) -> None:
        """Whoever holds the box in their hands may give an owner a new password."""
        desk, waiting = self._desk, regaining.possible(self._clock.wall())
        desk.regaining.open(self._clock.monotonic())
        desk.board.put_up(waiting)

        def over() -> None:
            if waiting in desk.board.standing():
                desk.board.take_down(waiting.key)

        asyncio.get_running_loop().call_later(regaining.OPEN_SECONDS, over)

    def ports(self) -> list[Port]:
        """For the doors."""
        return [
            Port(HTTPS, "page", self._secure, implicit_tls=True, is_for_mail=False),
            Port(HTTP, "way to the page", self._clear),
        ]

    def pressed(self) -> bool:
        """The button was pressed; whether something on the page waited for it."""
        return self._desk.presence.press(self._clock.monotonic())

    def held(self) -> bool:
        """The button was held for long; whether the page waited for that to reset the box."""
        return self._desk.regaining.take_reset(self._clock.monotonic())

    def close(self) -> None:
        """End all connections."""
        self._secure.close()
        self._clear.close()
