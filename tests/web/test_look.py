"""Every page in Chromium: nothing too wide, nothing that axe-core objects to, nothing from elsewhere.

Screenshots at 360 pixels, light and dark, are left in var/screenshots; with PILLARBOX_SCREENSHOTS
set to a folder those of all three widths are left there.
"""

import pytest

from tests.support.box import wait_until
from tests.web.browser import OWNER, OWNER_PASSWORD
from tests.web.chromium import SHOOTS, WIDTHS, chromium

PAGES = {
    "home": "/",
    "network": "/network",
    "people": "/people",
    "person": "/people/anna@office.test",
    "import": "/people/import",
    "domain": "/domains/office.test",
    "restore": "/restore",
    "restore-person": "/people/anna@office.test/restore",
    "export": "/people/anna@office.test/export",
    "flow": "/flow",
    "disks": "/disks",
    "trace": "/trace?hours=24",
    "queue": "/queue",
    "backups": "/backups",
    "updates": "/updates",
    "health": "/health",
    "settings": "/settings",
    "settings-alerts": "/settings/alerts",
    "log": "/log",
    "changes": "/changes",
    "me": "/me",
    "simulator": "/simulator",
}

pytestmark = [pytest.mark.clients, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def window(office):
    office.cli("network", "wifi", "list", "--country", "DE")
    with chromium(office) as opened:
        opened.log_in(OWNER, OWNER_PASSWORD)
        opened.awaits("The lamps on the box now")
        opened.complaints()
        opened.requests()
        yield opened


@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_every_screen_and_everybody(window, name):
    for dark in (False, True):
        window.dark(dark=dark)
        for width in WIDTHS:
            window.resize(width)
            window.go(PAGES[name])
            assert not window.is_too_wide(), (name, width)
            if SHOOTS or width == 360:
                window.shoot(f"{name}-{width}-{'dark' if dark else 'light'}")
        assert window.violations() == []
    assert window.complaints() == []
    assert window.requests() == {"localhost"}


def test_forms_that_are_open_and_wrong_are_as_good_to_use(window):
    window.dark(dark=False)
    window.resize(360)
    window.go("/people")
    window.press("A new account")
    window.type("address", "kurt")
    window.type("password", "long enough for us")
    window.press("Make the account")
    window.awaits("kurt")
    window.shoot("people-wrong-360-light")
    assert window.violations() == []
    assert not window.is_too_wide()
    assert window.complaints() == []


def test_what_is_wrong_with_a_page_would_be_found(window):
    window.go("/people")
    window.driver.execute_script("document.querySelector('h1').insertAdjacentHTML('afterend', "
                                 "'<img src=\"/static/icon.svg\"><input>')")  # fmt: skip
    assert {each.partition(":")[0] for each in window.violations()} >= {"image-alt", "label"}


def test_the_lamps_change_on_the_page_by_themselves(window, office):
    window.resize(1440)
    window.go("/simulator")
    window.awaits("No backup runs.")
    window.press("Press")
    wait_until(lambda: window.sees("Done."), "it is pressed")


def test_the_door_and_the_way_to_it_are_for_everybody(office):
    with chromium(office) as opened:
        for width in WIDTHS:
            opened.resize(width)
            opened.go("/login")
            assert not opened.is_too_wide()
            opened.shoot(f"login-{width}-light")
        assert opened.violations() == []
        opened.go("/forgotten")
        assert opened.violations() == []
        opened.driver.get(f"http://localhost:{office.port(80)}/")
        opened.shoot("trust-1440-light")
        assert opened.violations() == []
        assert opened.complaints() == []


def test_everything_of_an_owner_can_be_reached_by_the_keyboard(window):
    from selenium.webdriver.common.keys import Keys

    window.resize(1440)
    window.go("/people")
    active = "return document.activeElement.textContent.trim()"
    seen = []
    for _ in range(40):
        window.driver.switch_to.active_element.send_keys(Keys.TAB)
        seen.append(window.driver.execute_script(active))
        if "A new account" in seen[-1]:
            break
    assert seen[0] == "To the content"
    assert "A new account" in seen[-1]
    window.driver.switch_to.active_element.send_keys(Keys.ENTER)
    assert window.driver.find_element("name", "address").is_displayed()


def test_an_update_is_brought_by_the_browser_piece_by_piece(window, office, tmp_path):
    file = tmp_path / "not-signed.update"
    file.write_bytes(b"x" * (3 << 20))
    window.go("/updates")
    window.type_file("file", file)
    window.press("Bring it")
    window.awaits("This file is no update of Pillarbox.")
    brought = office.state / "updates/uploaded.update"
    assert brought.read_bytes() == file.read_bytes()
    window.press("Remove")
    wait_until(lambda: not brought.exists(), "it is removed")
    assert window.complaints() == []
