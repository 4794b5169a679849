"""An owner carries the records from the page into the DNS, and each turns green (journey J7)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By

from tests.support.box import Box
from tests.support.dnsworld import DnsWorld, office_zone
from tests.web.browser import OWNER, OWNER_PASSWORD, make_owner
from tests.web.chromium import Chromium, chromium

HOST = "mail.office.test"
pytestmark = [pytest.mark.clients, pytest.mark.timeout(120)]


@pytest.fixture
def dns() -> Iterator[DnsWorld]:
    with office_zone() as found:
        yield found


def _records(window: Chromium) -> list[str]:
    """What the page says, typed into a zone as its owner would."""
    found = []
    for each in window.driver.find_elements(By.CSS_SELECTOR, ".record"):
        name, kind, value = (part.text for part in each.find_elements(By.TAG_NAME, "code"))
        if kind == "TXT":
            pieces = (value.strip('"')[at : at + 200] for at in range(0, len(value), 200))
            value = " ".join(f'"{piece}"' for piece in pieces if piece)
        found.append(f"{name.rstrip('.')}. {kind} {value}")
    return found


def _states(window: Chromium) -> set[str]:
    chips = window.driver.find_elements(By.CSS_SELECTOR, ".lines .chip")
    return {each.text.strip() for each in chips}


def test_records_are_carried_over_and_turn_green(dns: DnsWorld, tmp_path: Path) -> None:
    settings = f'[server]\nhost_name = "{HOST}"\n[dns]\nservers = "{dns.servers}"\n'
    with Box(tmp_path / "box", settings=settings) as box:
        make_owner(box)
        with chromium(box) as window:
            window.resize(1440)
            window.log_in(OWNER, OWNER_PASSWORD)
            window.awaits("The lamps on the box now")
            window.go("/people")
            window.press("office.test")
            window.awaits("Records")
            assert _states(window) == {"missing"}
            window.shoot("domain-missing")
            lines = _records(window)
            dns.stop()
            dns.zone("office.test", "mail A 127.0.0.1", *lines)
            dns.start()
            window.press("Check again")
            window.awaits("good")
            assert _states(window) == {"good"}
            window.shoot("domain-good")
            assert window.violations() == []
            assert window.complaints() == []
