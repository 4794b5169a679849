"""Numbers, sizes and days as a language writes them: what `appliance/words.py` says in English.

Pure. What is none of these is not touched: None comes back.
"""

from __future__ import annotations

import re
from datetime import date, datetime

from appliance.speech.language import LANGUAGES

_NUMBER = re.compile(r"-?\d+(\.\d)?|-?\d{1,3}(,\d{3})+")
_SIZE = re.compile(r"(-?[\d.,]+) (TB|GB|MB|KB|MiB|octets)")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_OCCASION = {"de": "EEEE, d. MMMM, HH:mm"}
_OCTETS = {"de": "Bytes", "ar": "بايت"}


def said(text: str, code: str) -> str | None:
    """A quantity in a language; None: it is none."""
    if len(text) > 40:
        return None
    if _NUMBER.fullmatch(text):
        return number(text, code)
    if (size := _SIZE.fullmatch(text)) and _NUMBER.fullmatch(size[1]):
        unit = _OCTETS.get(code, "octets") if size[2] == "octets" else size[2]
        return f"{number(size[1], code)} {unit}"
    return day(text, code) if _DAY.fullmatch(text) else None


def number(text: str, code: str) -> str:
    """A number as Python writes it ("1234.5", "1,234")."""
    to = LANGUAGES[code]
    signs = {".": to.decimal, ",": to.thousands}
    return "".join(signs.get(each, each) for each in text)


def day(text: str, code: str) -> str | None:
    """A day as ISO 8601 writes it."""
    from babel.dates import format_date  # noqa: PLC0415 - brings the data of languages

    try:
        return str(format_date(date.fromisoformat(text), "medium", locale=code))
    except ValueError:
        return None


def moment(at: float, code: str) -> str:
    """A point in time (seconds since the epoch) in the office's own time, to the minute; nothing
    for never."""
    if not at:
        return ""
    from babel.dates import format_date, format_time  # noqa: PLC0415 - the same

    when = datetime.fromtimestamp(at)  # noqa: DTZ006 - the office's own time is meant
    comma = "،" if code == "ar" else ","
    hour = format_time(when, "short", locale=code)
    return f"{format_date(when, 'medium', locale=code)}{comma} {hour}"


def moment_by(skeleton: str, at: float, code: str) -> str:
    """A part of a point in time, in the order and with the words of a language (UTS 35)."""
    from babel.dates import format_skeleton  # noqa: PLC0415 - the same

    here = datetime.fromtimestamp(at)  # noqa: DTZ006 - the office's own time is meant
    return str(format_skeleton(skeleton, here, locale=code))


def occasion(at: float, code: str) -> str:
    """A point in time of the last months as people would say it."""
    from babel.dates import format_datetime  # noqa: PLC0415 - the same

    when = datetime.fromtimestamp(at)  # noqa: DTZ006 - the office's own time is meant
    return str(format_datetime(when, _OCCASION.get(code, "EEEE d MMMM, HH:mm"), locale=code))
