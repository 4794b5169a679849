"""The page of a box that brings everything back: it asks for the words of the recovery sheet, and
then tells how far it is.

Nothing else runs meanwhile, so there is no database, nobody is known, and what is asked for is what
opens the backup: whoever has drive and sheet has the mail.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from appliance.errors import PillarboxError
from appliance.web import render
from appliance.web.app import STATIC
from appliance.web.guard import Guard

_LONGEST_WORDS = 1000


class Recoverer(Protocol):
    """What brings everything back."""

    async def restore(self, words: str) -> None:
        """Begin; no words: those of the sheet that is kept on a stick. Raises Refused, NotFound."""

    async def progress(self) -> dict[str, Any]:
        """`is_busy`, `step`, `fraction`, `left`; `outcome` and `sentence` once it has ended."""

    async def drives(self) -> list[str]:
        """The drives that are plugged in, as people know them."""

    async def sheets(self) -> list[str]:
        """Those on which the recovery sheet is kept."""


def build(recoverer: Recoverer, authority: Path) -> ASGIApp:
    """The site; `authority` is the certificate that devices may trust. Blocks."""
    pem = authority.read_bytes()

    async def show(request: Request) -> Response:
        if request.method == "POST":
            async with request.form(max_files=0, max_fields=5) as form:
                words = str(form.get("words", ""))[:_LONGEST_WORDS]
            return await _begin(request, recoverer, words)
        return await _page(request, recoverer)

    async def certificate(_request: Request) -> Response:
        return Response(pem, media_type="application/x-x509-ca-cert")

    async def elsewhere(_request: Request, _error: Exception) -> Response:
        return RedirectResponse("/", 303)

    routes = [
        Mount("/static", StaticFiles(directory=STATIC)),
        Route("/", show, methods=["GET", "POST"]),
        Route("/pillarbox-ca.crt", certificate),
    ]
    return Guard(Starlette(routes=routes, exception_handlers={HTTPException: elsewhere}), None)


async def _begin(request: Request, recoverer: Recoverer, words: str) -> Response:
    try:
        await recoverer.restore(words)
    except PillarboxError as error:
        return await _page(request, recoverer, str(error), words)
    return RedirectResponse("/", 303)


async def _page(
    request: Request, recoverer: Recoverer, sentence: str = "", words: str = ""
) -> Response:
    return render.bare(
        request, "recovering.html", http_status=422 if sentence else 200, sentence=sentence,
        words=words, progress=await recoverer.progress(), drives=await recoverer.drives(),
        sheets=await recoverer.sheets(),
    )  # fmt: skip
