"""SPF (RFC 7208) by the library of the same name; its questions go through our resolver.

The library blocks, so it runs in a thread, and it looks names up through one function of its
module, so each thread says which resolver is meant.
"""

from __future__ import annotations

import threading
from typing import Any

import spf

from appliance.filters.arrived import Finding
from appliance.net.resolver import Mx, Outcome, Resolver

SECONDS = 15
_RESULTS = {"pass", "fail", "softfail", "neutral", "none", "temperror", "permerror"}
_here = threading.local()


def check(resolver: Resolver, peer: str, sender: str, helo: str) -> Finding:
    """The result for MAIL FROM, or for HELO where that is empty (§2.4). Blocks."""
    _here.resolver = resolver
    properties = (("smtp.mailfrom", sender),) if sender else (("smtp.helo", helo),)
    try:
        result, words = spf.check2(
            i=peer, s=sender, h=helo or "unknown", timeout=SECONDS, querytime=SECONDS
        )
    except (UnicodeError, ValueError, TypeError, AttributeError, IndexError, KeyError) as error:
        return Finding("spf", "permerror", properties, f"not understood ({type(error).__name__})")
    if result not in _RESULTS:
        return Finding("spf", "permerror", properties)
    reason = str(words) if result in {"permerror", "temperror"} else ""
    return Finding("spf", result, properties, reason)


def _look_up(
    name: str, kind: str, _tcp: object = True, _timeout: object = 0, *_more: object
) -> list[tuple[tuple[str, str], Any]]:
    """What the library asks for, in its own form."""
    answer = _here.resolver.ask_blocking(str(name), kind)
    if answer.outcome is Outcome.FAILED:
        raise spf.TempError(f"DNS {answer.reason}"[:200])
    return [((name, kind), _in_its_form(each)) for each in answer.records]


def _in_its_form(record: object) -> object:
    if isinstance(record, Mx):
        return (record.preference, record.host)
    return (record,) if isinstance(record, bytes) else record


spf.DNSLookup = _look_up
