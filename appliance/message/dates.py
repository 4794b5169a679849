"""The Date field as an instant and as a day (RFC 5322 §3.3, obsolete forms §4.3).

Read generously: real mail has day names in any language, missing zones, two-digit years.
"""

import re
from datetime import date

from appliance.message.parameters import without_comments

_MONTHS = {
    name: number
    for number, name in enumerate(
        b"jan feb mar apr may jun jul aug sep oct nov dec".split(), start=1
    )
}
_TIME = rb"(\d{1,2})\s*[:.]\s*(\d{1,2})(?:\s*[:.]\s*(\d{1,2}))?"
_ZONE = rb"(?:\s*([+-]\s?\d{4}|[A-Za-z]{1,5}\b))?"
_USUAL = re.compile(
    rb"\s*(?:[^\s,\d]{1,32}[\s,]{1,9})?(\d{1,2})[\s-]{1,9}([A-Za-z]{3})[A-Za-z]{0,9}[.,\s-]{1,9}"
    rb"(\d{2,4})\b(?:[\s,]{1,9}" + _TIME + _ZONE + rb")?"
)
_ASCTIME = re.compile(
    rb"\s*(?:[A-Za-z]{3,9}[\s,]{1,9})?([A-Za-z]{3})[A-Za-z]{0,9}\s{1,9}(\d{1,2}),?\s{1,9}"
    + _TIME
    + rb"\s{1,9}(\d{4})"
    + _ZONE
)
_ISO = re.compile(rb"\s*(\d{4})-(\d{2})-(\d{2})(?:[T ]" + _TIME + rb"(?:[.]\d+)?([+-]\d{4})?)?")
# RFC 5322 §4.3; military letters are taken as -0000, as it asks
_ZONES = {b"edt": -4, b"est": -5, b"cdt": -5, b"cst": -6, b"mdt": -6, b"mst": -7}
_ZONES |= {b"pdt": -7, b"pst": -8, b"met": 1, b"cet": 1, b"mest": 2, b"cest": 2}
_LONGEST = 256
_EPOCH = date(1970, 1, 1).toordinal()
_LAST_SECOND = (1 << 32) - 1


def _full_year(digits: bytes) -> int:
    """RFC 5322 §4.3: two digits are 1950 to 2049, three count from 1900."""
    year = int(digits)
    if len(digits) == 2:
        return year + (2000 if year < 50 else 1900)
    return year + 1900 if len(digits) == 3 else year


def _offset_seconds(zone: bytes | None) -> int:
    if not zone:
        return 0
    if zone[:1] in b"+-":
        digits = zone[1:].strip()
        offset = int(digits[:2]) * 3600 + int(digits[2:]) * 60
        return -offset if zone[:1] == b"-" else offset
    return _ZONES.get(zone.lower(), 0) * 3600


def _parts(value: bytes) -> tuple[date, int] | None:
    """Return the day as written and the seconds from its start in UTC."""
    value = value[:_LONGEST]
    if b"(" in value:
        value = without_comments(value, in_words=True)
    if match := _USUAL.match(value):
        day, month, year, hour, minute, second, zone = match.groups()
    elif match := _ASCTIME.match(value):
        month, day, hour, minute, second, year, zone = match.groups()
    elif match := _ISO.match(value):
        year, month, day, hour, minute, second, zone = match.groups()
    else:
        return None
    number = int(month) if month.isdigit() else _MONTHS.get(month.lower(), 0)
    try:
        written = date(_full_year(year), number, int(day))
    except ValueError:
        return None
    clock = int(hour or 0) * 3600 + int(minute or 0) * 60 + int(second or 0)
    return written, clock - _offset_seconds(zone)


def sent_day(date_value: bytes) -> date | None:
    """The day as its writer wrote it: SENTON and its kin disregard the zone (RFC 9051 §6.4.4)."""
    parts = _parts(date_value)
    return parts[0] if parts else None


def sent_at(date_value: bytes) -> int:
    """Seconds since the epoch, kept within 32 bits without sign; 0 if unreadable."""
    parts = _parts(date_value)
    if parts is None:
        return 0
    seconds = (parts[0].toordinal() - _EPOCH) * 86400 + parts[1]
    return min(max(seconds, 0), _LAST_SECOND)
