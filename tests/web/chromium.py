"""Chromium without a window, as an owner uses it; keeps screenshots and everything it complained of."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select

from tests.support.box import ROOT, Box, wait_until

AXE = ROOT / "tests" / "clients" / "node" / "node_modules" / "axe-core" / "axe.min.js"
SHOTS = Path(os.environ.get("PILLARBOX_SCREENSHOTS", ROOT / "var" / "screenshots"))
WIDTHS = (360, 768, 1440)
SHOOTS = bool(os.environ.get("PILLARBOX_SCREENSHOTS"))
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


class Chromium:
    """One window."""

    def __init__(self, driver: webdriver.Chrome, box: Box) -> None:
        self.driver = driver
        self.base = f"https://localhost:{box.port(443)}"
        self.width = 0

    def go(self, path: str) -> None:
        self.driver.get(self.base + path)

    def type(self, name: str, text: str) -> None:
        field = self.driver.find_element(By.NAME, name)
        field.clear()
        field.send_keys(text)

    def type_file(self, name: str, path: Path) -> None:
        self.driver.find_element(By.NAME, name).send_keys(str(path))

    def choose(self, name: str, words: str) -> None:
        Select(self.driver.find_element(By.NAME, name)).select_by_visible_text(words)

    def press(self, words: str) -> None:
        """The button, link or summary of these words that can be seen."""
        wait_until(lambda: self._pressed(words), f"there is {words!r} to press")

    def _pressed(self, words: str) -> bool:
        try:
            for each in self.driver.find_elements(By.CSS_SELECTOR, "button, a, summary"):
                if each.is_displayed() and " ".join(each.text.split()) == words:
                    each.click()
                    return True
        except WebDriverException:  # a live part was replaced while we looked at it
            return False
        return False

    def sees(self, words: str) -> bool:
        try:
            return words in " ".join(self.driver.find_element(By.TAG_NAME, "body").text.split())
        except WebDriverException:  # the same
            return False

    def awaits(self, words: str, *, seconds: float = 15.0) -> None:
        """A click returns before the next page is there."""
        wait_until(lambda: self.sees(words), f"the page says {words!r}", seconds=seconds)

    def log_in(self, login: str, password: str) -> None:
        self.go("/login")
        self.type("login", login)
        self.type("password", password)
        self.press("Log in")

    def resize(self, width: int, height: int = 900) -> None:
        self.width = width
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600},
        )

    def dark(self, *, dark: bool) -> None:
        scheme = "dark" if dark else "light"
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def shoot(self, name: str) -> None:
        """The whole page."""
        SHOTS.mkdir(parents=True, exist_ok=True)
        height = self.driver.execute_script("return document.documentElement.scrollHeight")
        width = self.width or int(self.driver.execute_script("return window.innerWidth"))
        self.resize(width, max(int(height), 600))
        self.driver.save_screenshot(str(SHOTS / f"{name}.png"))
        self.resize(width)

    def downloads_to(self, folder: Path) -> None:
        """From now on what is fetched is kept there."""
        self.driver.execute_cdp_cmd(
            "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(folder)}
        )

    def is_too_wide(self) -> bool:
        """Whether the page has to be scrolled sideways, or a phone makes it smaller."""
        width = self.driver.execute_script("return document.documentElement.scrollWidth")
        return int(width) > self.width

    def violations(self) -> list[str]:
        """What axe-core finds: rule and place."""
        if not self.driver.execute_script("return typeof axe !== 'undefined'"):
            self.driver.execute_cdp_cmd(
                "Runtime.evaluate", {"expression": AXE.read_text(), "returnByValue": False}
            )
        options = json.dumps({"runOnly": {"type": "tag", "values": _RULES}})
        found: Any = self.driver.execute_async_script(
            "const done = arguments[0];"
            f"axe.run(document, {options}).then(r => done(r.violations.map("
            "v => v.id + ': ' + v.nodes.map(n => n.target.join(' ') + ' ' + n.failureSummary)"
            ".slice(0, 3).join(' | '))));"
        )
        return list(found)

    def complaints(self) -> list[str]:
        """What the browser wrote down since last asked: refused loads, broken scripts, CSP."""
        return [
            each["message"]
            for each in self.driver.get_log("browser")
            if each["level"] in {"SEVERE", "WARNING"}
        ]

    def requests(self) -> set[str]:
        """The hosts that were asked for anything since last asked."""
        hosts = set()
        for each in self.driver.get_log("performance"):
            told = json.loads(each["message"])["message"]
            if told["method"] == "Network.requestWillBeSent":
                url = told["params"]["request"]["url"]
                if url.startswith("http"):
                    hosts.add(url.split("/")[2].partition(":")[0])
        return hosts

    def look(self, name: str) -> None:
        """Everybody can use this page, on every screen."""
        for dark in (False, True):
            self.dark(dark=dark)
            for width in WIDTHS if SHOOTS else WIDTHS[:1]:
                self.resize(width)
                assert not self.is_too_wide(), (name, width)
                if SHOOTS:
                    self.shoot(f"{name}-{width}-{'dark' if dark else 'light'}")
            assert self.violations() == [], name
        self.dark(dark=False)
        self.resize(1440)
        assert self.complaints() == []


@contextmanager
def chromium(box: Box, *, scripts: bool = True, language: str = "en") -> Iterator[Chromium]:
    """A fresh browser that takes the box's certificate as it is."""
    options = Options()
    options.binary_location = "/usr/bin/chromium"
    for each in (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
        "--ignore-certificate-errors", "--disable-background-networking", "--no-first-run",
        "--disable-component-update", "--disable-sync", "--disable-default-apps",
        f"--lang={language}", f"--accept-lang={language}",
    ):  # fmt: skip
        options.add_argument(each)
    preferences: dict[str, Any] = {"intl.accept_languages": language}
    if not scripts:
        preferences["profile.managed_default_content_settings.javascript"] = 2
    options.add_experimental_option("prefs", preferences)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
    try:
        driver.set_page_load_timeout(60)
        driver.set_script_timeout(60)
        yield Chromium(driver, box)
    except BaseException:
        SHOTS.mkdir(parents=True, exist_ok=True)
        driver.save_screenshot(str(SHOTS / "failed.png"))
        raise
    finally:
        driver.quit()
