"""Countries and time zones: guessed as a browser hints, named as people say them."""

from zoneinfo import ZoneInfo

import pytest

from appliance.clock import zone_file
from appliance.speech import places


@pytest.mark.parametrize(
    ("accepted", "country"),
    [
        ("de-AT,de;q=0.9", "AT"),
        ("de", "DE"),
        ("de-DE;q=0.9", "DE"),
        ("ar", "EG"),
        ("zh-Hant-TW", "TW"),
        ("en-US,en", "US"),
        ("", ""),
        ("*", ""),
        ("xx-QQ", ""),
        ("en-150", ""),
        ("de-" + "x" * 5000, ""),
    ],
)
def test_the_country_is_guessed_from_the_language(accepted, country):
    assert places.guess(accepted) == country


def test_every_country_has_a_zone_that_is_its_own_and_is_there():
    for country in places.countries():
        zone = places.zone_of(country)
        assert places.zones()[zone] == country
        assert zone_file(zone)
        ZoneInfo(zone)


@pytest.mark.parametrize(
    ("country", "zone"),
    [("DE", "Europe/Berlin"), ("US", "America/New_York"), ("ES", "Europe/Madrid"), ("QQ", "")],
)
def test_the_usual_zone_of_a_country(country, zone):
    assert places.zone_of(country) == zone


def test_zones_are_named_by_country_and_city():
    assert places.zone_name("America/New_York", "de") == "Vereinigte Staaten, New York"
    assert places.zone_name("Europe/Berlin", "ar").startswith("ألمانيا")
    assert places.zone_name("Etc/UTC", "en") == "Etc/UTC"


@pytest.mark.parametrize(
    "name", ["", "Mars/Base", "../../etc/passwd", "/etc/passwd", "Europe", "zone.tab", "Europe/"]
)
def test_what_is_no_zone_is_told_apart(name):
    assert zone_file(name) is None
