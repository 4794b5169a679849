"""Logging in by OAuth 2: an access token for a refresh token (RFC 6749 §6), and the device flow
(RFC 8628) by which the owner gives consent in any browser. Everything blocks.
"""

from __future__ import annotations

import json
import ssl
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError, URLError

from appliance.fetch.remote import Trouble
from appliance.fetch.source import Consent

_SECONDS = 30.0
_LARGEST_ANSWER = 256 * 1024
_MARGIN_SECONDS = 60.0
_DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
KNOWN: dict[str, dict[str, str]] = {
    "google": {
        "token_url": "https://oauth2.googleapis.com/token",
        "device_url": "https://oauth2.googleapis.com/device/code",
        "scope": "https://mail.google.com/",
    },
    "microsoft": {
        "token_url": "https://login.microsoftonline.com/common/oauth2/v2.0/token",
        "device_url": "https://login.microsoftonline.com/common/oauth2/v2.0/devicecode",
        "scope": "offline_access https://outlook.office.com/IMAP.AccessAsUser.All "
        "https://outlook.office.com/POP.AccessAsUser.All",
    },
}


@dataclass(frozen=True, slots=True)
class Asking:
    """What the owner is shown (RFC 8628 §3.2)."""

    device_code: str
    user_code: str
    page: str
    interval: float
    until: float  # on the clock given


class Tokens:
    """Access tokens of one source, made when needed."""

    def __init__(
        self,
        consent: Consent,
        refresh_token: str,
        context: ssl.SSLContext,
        keep: Callable[[str], None],
    ) -> None:
        """`keep` is told of a new refresh token, which replaces the old one."""
        self._consent = consent
        self._refresh_token = refresh_token
        self._context = context
        self._keep = keep
        self._access, self._until = "", 0.0

    def access(self) -> str:
        """A token that is valid now. Raises Trouble, OSError."""
        if self._access and time.monotonic() < self._until - _MARGIN_SECONDS:
            return self._access
        asked = {"grant_type": "refresh_token", "refresh_token": self._refresh_token}
        status, said = post(self._consent.token_url, self._consent, asked, self._context)
        if status >= 500 or status == 429:
            raise Trouble(f"The provider gives no access at the moment ({status}).")
        if status != 200 or not isinstance(said.get("access_token"), str):
            raise Trouble(
                f"The provider gives no access any more: {_words(said)}",
                "Give consent once more: pillarbox fetch authorize.",
                is_login=True,
            )
        self._access = said["access_token"]
        self._until = time.monotonic() + _seconds(said.get("expires_in"), 3600.0)
        renewed = said.get("refresh_token")
        if isinstance(renewed, str) and renewed and renewed != self._refresh_token:
            self._refresh_token = renewed
            self._keep(renewed)
        return self._access


def begin(consent: Consent, context: ssl.SSLContext) -> Asking:
    """Ask for a code that the owner types into a page of the provider. Raises Trouble, OSError."""
    status, said = post(consent.device_url, consent, {"scope": consent.scope}, context)
    page = said.get("verification_uri") or said.get("verification_url")  # Google's older word
    if status != 200 or not said.get("device_code") or not page:
        raise Trouble(f"The provider does not take part: {_words(said)}")
    return Asking(
        str(said["device_code"]),
        str(said.get("user_code", "")),
        str(page),
        _seconds(said.get("interval"), 5.0),
        time.monotonic() + _seconds(said.get("expires_in"), 900.0),
    )


def finish(
    consent: Consent,
    asking: Asking,
    context: ssl.SSLContext,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """Wait for the consent; the refresh token. Raises Trouble, OSError."""
    interval = asking.interval
    while time.monotonic() < asking.until:
        sleep(interval)
        asked = {"grant_type": _DEVICE_GRANT, "device_code": asking.device_code}
        status, said = post(consent.token_url, consent, asked, context)
        if status == 200 and said.get("refresh_token"):
            return str(said["refresh_token"])
        if said.get("error") == "slow_down":
            interval += 5.0
        elif said.get("error") != "authorization_pending":
            raise Trouble(f"The provider gave no consent: {_words(said)}")
    raise Trouble("Nobody gave consent in time.", "Begin again: pillarbox fetch authorize.")


def post(
    url: str, consent: Consent, values: dict[str, str], context: ssl.SSLContext
) -> tuple[int, dict[str, Any]]:
    """Send a form; status and the object that is answered. Raises Trouble, OSError."""
    if not url.startswith("https://"):
        raise Trouble("Consent is asked for over https only.")
    form = {"client_id": consent.client_id, **values}
    if consent.client_secret:
        form["client_secret"] = consent.client_secret
    request = urllib.request.Request(  # noqa: S310 - https, see above
        url,
        urllib.parse.urlencode(form).encode("ascii"),
        {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS, context=context) as answer:  # noqa: S310 - https, see above
            return answer.status, _object(answer.read(_LARGEST_ANSWER))
    except HTTPError as error:
        return error.code, _object(error.read(_LARGEST_ANSWER))
    except URLError as error:
        raise OSError(str(error.reason)) from None


def _object(text: bytes) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _seconds(value: object, default: float) -> float:
    return float(value) if isinstance(value, int | float) and 0 < value < 1e7 else default


def _words(said: dict[str, Any]) -> str:
    text = str(said.get("error_description") or said.get("error") or "no reason given")
    return "".join(sign if sign.isprintable() else " " for sign in text)[:200]
