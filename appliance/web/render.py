"""Pages from templates, in the reader's language."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from appliance import words
from appliance.web import language
from appliance.web import menu as menus
from appliance.web.desk import Desk
from appliance.web.fields import typed_size
from appliance.web.language import Language
from appliance.web.operations.table import BY_NAME
from appliance.web.roles import Role, Visitor

TEMPLATES = Path(__file__).parent / "templates"
LANGUAGE_COOKIE = "pillarbox-language"


@cache
def environment(code: str) -> Environment:
    """Templates whose text is in one language."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    translating: Any = made  # the extension gives it one method more
    translating.install_gettext_translations(language.catalogue(code), newstyle=True)
    made.filters |= {
        "say": lambda text: say(str(text), code),
        "size": lambda octets: words.size(int(octets)).replace(" octets", " B"),
        "typed_size": lambda octets: typed_size(int(octets or 0)),
        "moment": lambda at: moment(float(at or 0), code),
        "weekday": lambda at: weekday(float(at or 0), code),
        "duration": lambda seconds: words.duration(float(seconds)),
    }
    made.globals |= {"operations": BY_NAME, "languages": tuple(language.LANGUAGES.values())}
    return made


def say(text: str, code: str) -> str:
    """A text of ours in a language; what no catalogue has stays as it is."""
    return language.catalogue(code).gettext(text) if text else ""


def moment(at: float, code: str) -> str:
    """A point in time as people of a language write it; nothing for never."""
    if not at:
        return ""
    from babel.dates import format_datetime  # noqa: PLC0415 - brings the data of languages

    return str(format_datetime(datetime.fromtimestamp(at), "medium", locale=code))  # noqa: DTZ006 - the office's own time is meant


_WEEKDAY = {"de": "EEEE, d. MMMM, HH:mm"}


def weekday(at: float, code: str) -> str:
    """A point in time of the last months as people would say it."""
    from babel.dates import format_datetime  # noqa: PLC0415 - brings the data of languages

    when = datetime.fromtimestamp(at)  # noqa: DTZ006 - the office's own time is meant
    return str(format_datetime(when, _WEEKDAY.get(code, "EEEE d MMMM, HH:mm"), locale=code))


def language_of(request: Request) -> Language:
    """What this reader reads."""
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    return language.choose(chosen, request.headers.get("accept-language", ""))


def page(
    request: Request, desk: Desk, template: str, *, http_status: int = 200, **context: Any
) -> HTMLResponse:
    """A page."""
    reads = language_of(request)
    visitor: Visitor = request.state.visitor
    items = [each for each in menus.MENU if each.is_for(visitor, simulate=desk.simulate)]
    shown: dict[str, Any] = {
        "office": desk.office.name or desk.host,
        "host": desk.host,
        "visitor": visitor,
        "Role": Role,
        "menu": items,
        "current": menus.current(items, request.url.path),
        "path": request.url.path,
        "language": reads,
        "problem": getattr(request.state, "problem", None),
        "result": getattr(request.state, "result", None),
        "flash": getattr(request.state, "flash", ""),
        "simulate": desk.simulate,
        "version": desk.version,
        "now": desk.now,
    }
    text = environment(reads.code).get_template(template).render(shown | context)
    return HTMLResponse(text, http_status, headers={"Content-Language": reads.code})
