"""The page of a box in QEMU, as a browser without scripts sees it that trusts the box's authority."""

from __future__ import annotations

import http.cookiejar
import ssl
import time
import urllib.request
from collections.abc import Callable

from tests.image.machine import Machine
from tests.web.browser import Reader


class Page(Reader):
    """The certificate is judged by the authority that the box offers; its name is not looked at,
    because a forwarded port is on this machine."""

    patience = 300.0  # an emulated box formats a disk slowly

    def __init__(self, machine: Machine) -> None:
        self.language, self.token, self.jar = "en", "", http.cookiejar.CookieJar()
        plain = f"http://localhost:{machine.ports[80]}/pillarbox-ca.crt"
        with urllib.request.urlopen(plain, timeout=60) as answer:
            context = ssl.create_default_context(cadata=answer.read().decode())
        context.check_hostname = False
        self.base = f"https://localhost:{machine.ports[443]}"
        self._opener = urllib.request.build_opener(
            urllib.request.HTTPSHandler(context=context),
            urllib.request.HTTPCookieProcessor(self.jar),
        )

    def waits_for(self, path: str, words: str, seconds: float = 120) -> None:
        """Until a reader sees these words there."""
        eventually(lambda: self.get(path).says(words), words, seconds)


def eventually(holds: Callable[[], bool], what: str, seconds: float = 120) -> None:
    """Wait until it holds; meanwhile nobody may answer, or a lamp be between two lights.

    Raises AssertionError: it did not come.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if holds():
                return
        except (OSError, AssertionError):
            pass
        time.sleep(0.5)
    raise AssertionError(f"not within {seconds:.0f} s: {what}")
