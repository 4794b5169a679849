"""Every page in Arabic in Chromium: set from right to left, nothing too wide, nothing axe-core finds."""

import pytest

from appliance.web.language import say
from tests.web.browser import OWNER, OWNER_PASSWORD
from tests.web.chromium import SHOOTS, WIDTHS, chromium
from tests.web.test_look import PAGES

STEPS = {f"setup-{each}": f"/setup/{each}" for each in ("people", "sheet", "drive", "test")}
ALL = PAGES | STEPS | {"setup-mail": "/setup/mail?way=collected"}
MAIN = ("home", "people", "person", "backups", "health", "setup-mail")
pytestmark = [pytest.mark.clients, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def window(office):
    with chromium(office, language="ar") as opened:
        opened.go("/login")
        assert opened.violations() == []
        opened.shoot("login-ar")
        opened.type("login", OWNER)
        opened.type("password", OWNER_PASSWORD)
        opened.press(say("Log in", "ar"))
        opened.awaits(say("The lamps on the box now", "ar"))
        yield opened


def _fits(window, name):
    for width in WIDTHS:
        window.resize(width)
        window.go(ALL[name])
        assert not window.is_too_wide(), (name, width)
        if SHOOTS or width == WIDTHS[0]:
            window.shoot(f"{name}-{width}-ar")
    assert window.violations() == []
    assert window.complaints() == []


@pytest.mark.parametrize("name", MAIN)
def test_a_page_of_the_main_roads_fits_in_arabic(window, name):
    _fits(window, name)


@pytest.mark.slow
@pytest.mark.parametrize("name", [each for each in ALL if each not in MAIN])
def test_every_other_page_fits_in_arabic(window, name):
    _fits(window, name)


def test_the_menu_is_on_the_right_and_addresses_read_from_the_left(window):
    window.resize(1440)
    window.go("/people")
    script = "return document.querySelector({!r}).getBoundingClientRect().left"
    side, main = (window.driver.execute_script(script.format(each)) for each in (".side", "main"))
    assert side > main
    first, last = window.driver.execute_script(
        "const text = document.querySelector('td a').firstChild, range = document.createRange();"
        "return [0, text.length - 1].map(at => {"
        "range.setStart(text, at); range.setEnd(text, at + 1);"
        "return range.getBoundingClientRect().left; });"
    )
    assert first < last
