"""The first steps in Arabic with nothing but a keyboard: every field and button is reached by Tab,
what is reached is seen, and Enter sends (journey J10, WCAG 2.1.1, 2.4.3, 2.4.7)."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from appliance.web.language import say
from tests.support.box import Box
from tests.web.chromium import Chromium, chromium

PASSWORD = "a few unrelated words"
_MOST_TABS = 60
pytestmark = [pytest.mark.clients, pytest.mark.timeout(300)]


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Box]:
    """A box on its first boot."""
    box = Box(tmp_path / "box")
    box.start()
    yield box
    box.__exit__(None, None, None)


class Keyboard:
    """Somebody who has no mouse."""

    def __init__(self, window: Chromium) -> None:
        self._window, self._driver = window, window.driver

    def reach(self, wanted: str) -> None:
        """Press Tab until the element of this selector has the focus, and see that it shows it."""
        ask = "return document.activeElement.matches(arguments[0])"
        for _ in range(_MOST_TABS):
            self.press(Keys.TAB)
            if self._driver.execute_script(ask, wanted):
                shown = self._driver.execute_script(
                    "const style = getComputedStyle(document.activeElement);"
                    "return style.outlineStyle !== 'none' && style.outlineWidth !== '0px'"
                )
                assert shown, f"the focus on {wanted} cannot be seen"
                return
        raise AssertionError(f"Tab does not lead to {wanted}")

    def type(self, name: str, text: str) -> None:
        self.reach(f"[name={name}]")
        self.press(text)

    def press(self, keys: str) -> None:
        ActionChains(self._driver).send_keys(keys).perform()

    def awaits(self, words: str) -> None:
        """The page says this in Arabic."""
        self._window.awaits(say(words, "ar"))


def test_from_an_empty_box_to_an_account_without_a_mouse(empty: Box) -> None:
    with chromium(empty, language="ar") as window:
        keyboard = Keyboard(window)
        window.resize(1440)
        window.go("/")
        keyboard.type("office", "مكتب")
        keyboard.type("name", "أولغا")
        keyboard.type("login", "olga")
        keyboard.type("password", PASSWORD + Keys.ENTER)
        keyboard.awaits("Where shall the mail be?")
        keyboard.reach(".onward button.plain")
        keyboard.press(Keys.ENTER)
        keyboard.awaits("How do you get mail today?")
        keyboard.reach("a[href='?way=inside']")
        keyboard.press(Keys.ENTER)
        keyboard.awaits("A name that nobody else has, such as office.internal.")
        keyboard.type("domain", "office.internal" + Keys.ENTER)
        window.awaits("office.internal")
        keyboard.reach(".onward button:not(.plain)")
        keyboard.press(Keys.ENTER)
        keyboard.awaits("Who gets mail?")
        keyboard.type("address", "anna@office.internal")
        keyboard.type("password", PASSWORD + Keys.ENTER)
        window.awaits("anna@office.internal")
        assert window.driver.execute_script("return document.documentElement.dir") == "rtl"
        assert window.violations() == []
        assert window.complaints() == []
