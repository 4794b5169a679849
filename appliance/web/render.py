"""Pages from templates, in the reader's language."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from appliance import words
from appliance.speech import places, quantities
from appliance.speech.language import LANGUAGES, Language
from appliance.web import language
from appliance.web import menu as menus
from appliance.web.desk import Desk
from appliance.web.fields import Field, Kind, typed_size
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
        "say": lambda text: language.say(str(text), code),
        "size": lambda octets: language.say(words.size(int(octets)), code),
        "typed_size": lambda octets: typed_size(int(octets or 0)),
        "moment": lambda at: quantities.moment(float(at or 0), code),
        "hour": lambda at: quantities.moment_by("Hm", float(at), code),
        "weekday": lambda at: quantities.moment_by("E", float(at), code),
        "date": lambda at: quantities.moment_by("MMMd", float(at), code),
        "occasion": lambda at: quantities.occasion(float(at or 0), code),
        "places": lambda field: _named_places(field, code),
        "duration": lambda seconds: language.say(words.duration(float(seconds)), code),
    }
    made.globals |= {"operations": BY_NAME, "languages": tuple(LANGUAGES.values())}
    return made


def _named_places(field: Field, code: str) -> list[tuple[str, str]]:
    """The choices of a country or a zone, with their names, in the order of these."""
    name = places.country_name if field.kind is Kind.COUNTRY else places.zone_name
    none, *others = field.choices
    named = [(value, name(value, code)) for value, _ in others]
    return [(none[0], language.say(none[1], code)), *sorted(named, key=lambda each: each[1])]


def language_of(request: Request) -> Language:
    """What this reader reads."""
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    return language.choose(chosen, request.headers.get("accept-language", ""))


def page(
    request: Request, desk: Desk, template: str, *, http_status: int = 200, **context: Any
) -> HTMLResponse:
    """A page."""
    visitor: Visitor = request.state.visitor
    items = [each for each in menus.MENU if each.is_for(visitor, simulate=desk.simulate)]
    shown: dict[str, Any] = {
        "office": desk.office.name or desk.host,
        "host": desk.host,
        "menu": items,
        "current": menus.current(items, request.url.path),
        "simulate": desk.simulate,
        "version": desk.version,
        "now": desk.now,
    }
    return bare(request, template, http_status=http_status, **(shown | context))


def bare(
    request: Request, template: str, *, http_status: int = 200, **context: Any
) -> HTMLResponse:
    """A page of a box of which nothing is known yet."""
    reads = language_of(request)
    shown: dict[str, Any] = {
        "office": "Pillarbox",
        "visitor": request.state.visitor,
        "Role": Role,
        "menu": [],
        "path": request.url.path,
        "language": reads,
        "problem": getattr(request.state, "problem", None),
        "result": getattr(request.state, "result", None),
        "flash": getattr(request.state, "flash", ""),
    }
    text = environment(reads.code).get_template(template).render(shown | context)
    return HTMLResponse(text, http_status, headers={"Content-Language": reads.code})
