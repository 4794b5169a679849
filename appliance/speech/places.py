"""Countries and time zones: which there are, what they are called, and what to guess. Blocks when
first asked, for the table of zones lies beside their data."""

from __future__ import annotations

import re
from functools import lru_cache

from appliance.clock import zone_folders

_REGION = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z]{4})?-([A-Za-z]{2})\Z")
_MAIN = {
    "AR": "America/Argentina/Buenos_Aires", "AU": "Australia/Sydney", "BR": "America/Sao_Paulo",
    "CA": "America/Toronto", "CD": "Africa/Kinshasa", "CL": "America/Santiago",
    "EC": "America/Guayaquil", "ID": "Asia/Jakarta", "KZ": "Asia/Almaty",
    "MN": "Asia/Ulaanbaatar", "MX": "America/Mexico_City", "NZ": "Pacific/Auckland",
    "PT": "Europe/Lisbon", "RU": "Europe/Moscow", "UA": "Europe/Kyiv", "US": "America/New_York",
}  # fmt: skip
"""Where most people of a country with several zones live."""


@lru_cache(maxsize=1)
def zones() -> dict[str, str]:
    """Every zone with its country (ISO 3166), as the tz database has them (`zone.tab`)."""
    for folder in zone_folders():
        try:
            lines = (folder / "zone.tab").read_text("utf-8").splitlines()
        except OSError:
            continue
        rows = [line.split("\t") for line in lines if line and not line.startswith("#")]
        return {row[2]: row[0] for row in rows}  # of a country the first is the usual one, mostly
    return {}


@lru_cache(maxsize=1)
def countries() -> tuple[str, ...]:
    """All that have a zone (ISO 3166)."""
    return tuple(sorted(set(zones().values())))


def zone_of(country: str) -> str:
    """The usual zone of a country; "" where it is none."""
    if country in _MAIN:
        return _MAIN[country]
    return next((zone for zone, of in zones().items() if of == country), "")


def guess(accepted: str) -> str:
    """The country of a browser by its Accept-Language (RFC 9110 §12.5.4); "": it does not say.

    A language without a country stands for the one where most people speak it ("de": DE).
    """
    first = accepted.partition(",")[0].partition(";")[0].strip()
    found = _REGION.match(first)
    country = found[1].upper() if found else _likely(first.lower())
    return country if country in countries() else ""


def country_name(country: str, code: str) -> str:
    """What a country is called in a language; itself where nobody knows."""
    from babel import Locale  # noqa: PLC0415 - brings the data of languages

    return str(Locale.parse(code).territories.get(country, country))


def zone_name(zone: str, code: str) -> str:
    """A zone as people say it: the country, and the city after which the zone is named."""
    country = zones().get(zone)
    city = zone.rpartition("/")[2].replace("_", " ")
    return f"{country_name(country, code)}, {city}" if country else zone


def _likely(language: str) -> str:
    if not re.fullmatch(r"[a-z]{2,3}", language):
        return ""
    from babel.core import get_global  # noqa: PLC0415 - the same

    tag = str(get_global("likely_subtags").get(language, ""))
    return tag.rpartition("_")[2]
