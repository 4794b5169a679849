"""An owner brings the office's mail over, changes to the box, and could go back (journey J7)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By

from tests.migration.old_server import SETTINGS, Old, old_server, picture_here
from tests.support.box import Box
from tests.support.dovecot import PASSWORD
from tests.support.mail import letter
from tests.web.browser import OWNER, OWNER_PASSWORD, make_owner
from tests.web.chromium import Chromium, chromium

pytestmark = [pytest.mark.clients, pytest.mark.timeout(120)]


@pytest.fixture
def old() -> Iterator[Old]:
    with old_server() as running:
        yield running


def _fill(old: Old, user: str, number: int) -> None:
    old.provider.user(user)
    old.provider.deliver(
        user, *(letter(f"{user}-{n}", "joe@else.test", "x@y.test") for n in range(number))
    )


def _typed(window: Chromium, old: Old, address: str, user: str, password: str) -> None:
    for name, text in (("address", address), ("host", "localhost"), ("user", user),
                       ("password", password)):  # fmt: skip
        field = window.driver.find_element(By.ID, f"move_add--{name}")
        field.clear()
        field.send_keys(text)
    details = window.driver.find_element(By.CSS_SELECTOR, "details.more")
    if not details.get_attribute("open"):
        details.find_element(By.TAG_NAME, "summary").click()
    port = window.driver.find_element(By.ID, "move_add--port")
    port.clear()
    port.send_keys(str(old.provider.ports["imaps"]))


def test_mail_moves_in_follows_and_nothing_there_is_changed(old: Old, tmp_path: Path) -> None:
    for user, number in (("anna", 12), ("ben", 5)):
        _fill(old, user, number)
    settings = SETTINGS.format(ca=old.authority.file, more="")
    with Box(tmp_path / "box", settings=settings) as box:
        make_owner(box)
        anna, ben = box.account("anna"), box.account("ben")
        with chromium(box) as window:
            window.resize(1440)
            window.log_in(OWNER, OWNER_PASSWORD)
            window.go("/moving-in")
            _typed(window, old, anna.address, "anna", "wrong")
            window.press("Try the login and begin")
            window.awaits("localhost does not accept the login of anna: [AUTHENTICATIONFAILED]")
            window.shoot("moving-in-refused")
            _typed(window, old, anna.address, "anna", PASSWORD)
            window.press("Try the login and begin")
            window.awaits("Copied: 12 of 12 messages are here.")
            window.awaits("Changing over, and going back")
            window.shoot("moving-in-copied")
            _fill(old, "anna", 1)  # mail that still goes to the old place
            window.press("Look now")
            window.awaits("Copied: 13 of 13 messages are here.")
            rows = f"address,server,user,password,port\n{ben.address},localhost,ben,{PASSWORD},"
            window.go("/moving-in")
            window.driver.find_element(By.ID, "move_import--list").send_keys(
                f"{rows}{old.provider.ports['imaps']}\n"
            )
            window.press("Read the list and begin")
            window.awaits("Copied: 5 of 5 messages are here.")
            window.shoot("moving-in-list")
            assert window.violations() == []
            assert window.complaints() == []
        assert picture_here(box, ben) == old.picture("ben")
        letters = 2  # of the box to its owner: the mail of both has moved in
        here = picture_here(box, anna)["INBOX"]
        assert len(here) - letters == 13
        assert set(old.picture("anna")["INBOX"]) <= set(here)
