"""One POST to a channel. Blocks; to be run in a thread of its own.

Redirects are refused: who may be told is what the owner wrote, and nobody else. The address is a
secret of the owner (a topic, a token), so it stands in no message of an error.
"""

from __future__ import annotations

import http.client
import ssl
import urllib.error
import urllib.request
from typing import Any

from appliance.errors import Temporary
from appliance.words import phrase

SECONDS = 15.0


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Follow none."""
        return


def post(url: str, body: bytes, headers: dict[str, str], ca_file: str = "") -> None:
    """Have it taken. Raises Temporary with a sentence."""
    try:
        context = ssl.create_default_context()
        if ca_file:
            context.load_verify_locations(ca_file)
        request = urllib.request.Request(url, body, headers, method="POST")  # noqa: S310 - https, by the settings' pattern
        opener = urllib.request.build_opener(
            urllib.request.HTTPSHandler(context=context), _NoRedirect()
        )
        with opener.open(request, timeout=SECONDS):
            return
    except urllib.error.HTTPError as error:
        error.close()
        raise Temporary(f"the server answered {error.code}") from None
    except urllib.error.URLError as error:
        raise Temporary(_why(error.reason)) from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Temporary(_why(error)) from None


def _why(error: object) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return phrase(f"its certificate is not good ({error.verify_message})")
    if isinstance(error, TimeoutError):
        return phrase("the server did not answer in time")
    if isinstance(error, ssl.SSLError):
        return phrase("no TLS connection was possible")
    if isinstance(error, OSError):
        return error.strerror or phrase("it cannot be reached")
    return (
        phrase("the server's answer makes no sense") if isinstance(error, Exception) else str(error)
    )
