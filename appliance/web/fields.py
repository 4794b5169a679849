"""The fields of forms and of the API's requests: one description, three readers.

A field says what may stand in it; forms are drawn from it, what comes in is read by it, and the
API's description is made of it. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Any

from appliance.errors import Refused
from appliance.web.language import N_

LONGEST_TEXT = 500
LONGEST_LINES = 200_000
MOST_TEXTS = 500
_SIZE = re.compile(r"(\d{1,12})\s*([KMGT]?)i?B?", re.IGNORECASE)
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_YES = frozenset(("on", "true", "yes", "1"))


class Kind(Enum):
    """What is typed into a field."""

    TEXT = "text"
    SECRET = "secret"  # noqa: S105 - the name of a kind
    NUMBER = "number"
    SWITCH = "switch"
    DATE = "date"  # a day, 2027-03-01
    CHOICE = "choice"
    COUNTRY = "country"  # one of the choices, each a country (ISO 3166)
    ZONE = "zone"  # a time zone; the choices are the usual ones
    CHOICES = "choices"  # any number of them
    SIZE = "size"  # octets, typed as 2G
    LINES = "lines"
    TEXTS = "texts"  # any number of them, such as names of messages


@dataclass(frozen=True, slots=True)
class Field:
    """One field."""

    name: str
    label: str
    kind: Kind = Kind.TEXT
    help: str = ""
    required: bool = True
    default: Any = ""
    low: int = 0
    high: int = 1 << 53
    choices: tuple[tuple[str, str], ...] = ()
    """Values and what is shown for them."""
    is_private: bool = False
    """Seen while it is typed, but never written down."""
    may_be_file: bool = False
    """On a page a file may be chosen instead of typing it."""
    complete: str = ""
    """What a browser may fill in (the attribute autocomplete)."""

    @property
    def longest(self) -> int:
        """Characters."""
        return LONGEST_LINES if self.kind is Kind.LINES else LONGEST_TEXT


class BadFields(Refused):
    """Something typed cannot be used: a sentence for each field."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(" ".join(errors.values()))
        self.errors = dict(errors)


class Values(dict[str, Any]):
    """What was typed, read: each field by its name."""


def read(fields: Sequence[Field], given: Mapping[str, Any]) -> Values:
    """Read what came from a form (texts) or from the API (JSON values).

    Raises:
        BadFields: what is wrong, for each field.
    """
    values, errors = Values(), {}
    known = {each.name for each in fields}
    for name in given:
        if name not in known:
            errors[str(name)[:100]] = N_("There is no such field.")
    for field in fields:
        try:
            values[field.name] = _one(field, given.get(field.name))
        except ValueError as error:
            errors[field.name] = str(error)
    if errors:
        raise BadFields(errors)
    return values


def _one(field: Field, raw: Any) -> Any:
    if field.kind is Kind.SWITCH:
        return _switch(field, raw)
    if field.kind is Kind.CHOICES:
        return _choices(field, raw)
    if field.kind is Kind.TEXTS:
        return _texts(field, raw)
    if raw is None or raw == "":
        if field.required:
            raise ValueError(N_("Please fill this in."))
        return field.default
    if field.kind is Kind.NUMBER:
        return _number(field, raw)
    if field.kind is Kind.SIZE:
        return _size(raw)
    if field.kind is Kind.DATE:
        return _day(raw)
    return _text(field, raw)


def _text(field: Field, raw: Any) -> str:
    if not isinstance(raw, str):
        raise ValueError(N_("This must be a text."))  # noqa: TRY004 - it is for whoever typed it
    if len(raw) > field.longest:
        raise ValueError(N_("This is too long."))
    text = raw if field.kind is Kind.SECRET else raw.strip()
    allowed = "\r\n\t" if field.kind is Kind.LINES else ""
    if any((ord(c) < 32 and c not in allowed) or 0xD800 <= ord(c) < 0xE000 for c in text):
        raise ValueError(N_("There are characters in it that cannot be used."))
    if not text and field.required:
        raise ValueError(N_("Please fill this in."))
    is_offered = field.choices and field.kind is not Kind.ZONE
    if is_offered and text and text not in {value for value, _ in field.choices}:
        raise ValueError(N_("Please choose one of what is offered."))
    return text


def _number(field: Field, raw: Any) -> int:
    typed = isinstance(raw, str) and re.fullmatch(r"\s*-?\d{1,15}\s*", raw, re.ASCII)
    if not typed and (isinstance(raw, bool) or not isinstance(raw, int)):
        raise ValueError(N_("This must be a whole number."))
    number = int(raw)
    if not field.low <= number <= field.high:
        raise ValueError(f"This must be between {field.low} and {field.high}.")
    return number


def _day(raw: Any) -> str:
    try:
        return date.fromisoformat(str(raw).strip()).isoformat()
    except ValueError:
        raise ValueError(N_("This must be a day such as 2027-03-01.")) from None


def _size(raw: Any) -> int:
    if isinstance(raw, int) and not isinstance(raw, bool) and 0 <= raw < 1 << 60:
        return raw
    found = _SIZE.fullmatch(raw.strip()) if isinstance(raw, str) and raw.isascii() else None
    if found is None:
        raise ValueError(N_("This must be a size such as 500M or 2G; 0 means no limit."))
    return int(found[1]) * _UNITS[found[2].upper()]


def typed_size(octets: int) -> str:
    """Octets as one would type them: 500M, not 524288000."""
    for unit in reversed(_UNITS):
        if octets and octets % _UNITS[unit] == 0:
            return f"{octets // _UNITS[unit]}{unit}"
    return ""


def _switch(field: Field, raw: Any) -> bool:
    if raw is None:
        return bool(field.default) if field.required else False
    if isinstance(raw, bool):
        return raw
    if isinstance(raw, str):
        return raw.lower() in _YES
    raise ValueError(N_("This must be true or false."))


def _texts(field: Field, raw: Any) -> tuple[str, ...]:
    given = [raw] if isinstance(raw, str) else [] if raw is None else raw
    if not isinstance(given, list) or len(given) > MOST_TEXTS:
        raise ValueError(N_("This is too long."))
    found = tuple(dict.fromkeys(_text(field, each) for each in given if each != ""))
    if not found and field.required:
        raise ValueError(N_("Please choose at least one."))
    return found


def _choices(field: Field, raw: Any) -> tuple[str, ...]:
    given = [raw] if isinstance(raw, str) else [] if raw is None else raw
    offered = {value for value, _ in field.choices}
    if not isinstance(given, list) or any(
        not isinstance(each, str) or each not in offered for each in given
    ):
        raise ValueError(N_("Please choose one of what is offered."))
    if not given and field.required:
        raise ValueError(N_("Please choose at least one."))
    return tuple(dict.fromkeys(given))
