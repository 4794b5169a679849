"""Setting up mail programs and phones: what programs ask for by themselves, the page behind a
one-time link, and the start sheet.

What programs ask for holds no secret and is told to everybody; a link is good once, and only a
press of its button uses it up, because programs that preview links open them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from appliance.devices import apple, autoconfig, autodiscover, pacc, sheet
from appliance.devices.service import Services
from appliance.devices.sheet import Person
from appliance.devices.tickets import Tickets
from appliance.errors import PillarboxError, Refused
from appliance.filters.worker import Worker
from appliance.net import certificates
from appliance.web import render
from appliance.web.desk import Desk
from appliance.web.fields import Values
from appliance.web.operations.devices import PROFILE
from appliance.web.operations.people import account as account_of
from appliance.web.page import Page
from appliance.web.roles import Visitor

_AUTODISCOVER = ("/autodiscover/autodiscover.xml", "/Autodiscover/Autodiscover.xml")
_AUTOCONFIG = ("/mail/config-v1.1.xml", "/.well-known/autoconfig/mail/config-v1.1.xml")
Answering = Callable[[Request], Awaitable[Response]]


def routes(desk: Desk) -> list[Route]:
    """For programs and phones, which do not log in."""

    return [
        *clear_routes(desk),
        *(Route(path, _bound(_autodiscover, desk), methods=["POST"]) for path in _AUTODISCOVER),
        Route(pacc.PATH, _bound(_pacc, desk)),
        Route("/start/{token}", _bound(_start, desk), methods=["GET", "POST"]),
    ]


def clear_routes(desk: Desk) -> list[Route]:
    """What programs may also ask for without encryption, because many only know that way."""
    return [Route(path, _bound(_autoconfig, desk)) for path in _AUTOCONFIG]


def _bound(handler: Callable[[Request, Desk], Awaitable[Response]], desk: Desk) -> Answering:
    async def endpoint(request: Request) -> Response:
        return await handler(request, desk)

    return endpoint


async def services_of(desk: Desk) -> Services:
    """What programs are told about this box."""
    return Services(**await desk.ask("services"))


async def _autoconfig(request: Request, desk: Desk) -> Response:
    address = request.query_params.get("emailaddress", "")[:320]
    host = request.url.hostname or ""
    domain = (address.rpartition("@")[2] or host.removeprefix("autoconfig.")).lower()
    if not desk.gate.directory.is_our_domain(domain):
        raise HTTPException(404)
    found = autoconfig.autoconfig(await services_of(desk), domain)
    return Response(found, media_type=autoconfig.CONTENT_TYPE)


async def _autodiscover(request: Request, desk: Desk) -> Response:
    try:
        address = autodiscover.requested_address(await request.body())
    except Refused as error:
        return Response(f"{error}\n", 400, media_type="text/plain")
    if not desk.gate.directory.is_our_domain(address.rpartition("@")[2].lower()):
        raise HTTPException(404)
    found = autodiscover.autodiscover(await services_of(desk), address)
    return Response(found, media_type=autodiscover.CONTENT_TYPE)


async def _pacc(_request: Request, desk: Desk) -> Response:
    return Response(pacc.document(await services_of(desk)), media_type=pacc.CONTENT_TYPE)


async def _start(request: Request, desk: Desk) -> Response:
    """What the link is for; its button installs the profile of an iPhone, iPad or Mac."""
    token = str(request.path_params["token"])
    tickets = await desk.blocking(Tickets, desk.database)
    try:
        use = tickets.redeem if request.method == "POST" else tickets.look
        address = await desk.blocking(use, token, PROFILE, desk.now)
    except PillarboxError as error:
        return render.page(request, desk, "error.html", http_status=410, sentence=str(error))
    services = await services_of(desk)
    if request.method == "GET":
        return render.page(request, desk, "start.html", address=address, services=services)
    account = desk.gate.directory.accounts[address]
    made = await desk.blocking(_profile, desk, services, address, account.name)
    return Response(
        made, media_type=apple.CONTENT_TYPE,
        headers={"Content-Disposition": 'attachment; filename="mail.mobileconfig"'},
    )  # fmt: skip


def _profile(desk: Desk, services: Services, address: str, name: str) -> bytes:
    tls = desk.state / "tls"
    own = certificates.is_of_own_ca(tls)
    ca = (tls / certificates.CA_FILE).read_bytes() if own else None
    made = apple.profile(services, address, name, ca_certificate=ca, say=desk.voice.say)
    return apple.signed_with(made, (tls / certificates.SERVER_FILE).read_bytes())


async def show_sheet(request: Request, desk: Desk, visitor: Visitor) -> Response:
    """The start sheet; with a code when a link was just made for it."""
    found = await account_of(desk, visitor, Values(request.path_params))
    result: tuple[str, Any] | None = getattr(request.state, "result", None)
    link = f"{request.url.scheme}://{request.url.netloc}{result[1]['path']}" if result else ""
    person = Person(found["name"], found["address"])
    sheet.must_be_printable(person, link)
    draw = partial(sheet.start_sheet, link=link, now=desk.now)
    drawn = await Worker().run(
        draw, sheet.in_language(desk.voice.say_on_paper), await services_of(desk), person
    )
    return Response(drawn, media_type=sheet.CONTENT_TYPE)


SHEET = Page(
    "/people/{address}/start-sheet", show_sheet, does=("start_link",),
    tells=frozenset(("start_link",)),
)  # fmt: skip
