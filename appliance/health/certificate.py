"""The server certificate, which the box makes anew by itself; here is seen when it does not."""

from __future__ import annotations

from appliance.health.facts import DAY, Facts, Finding, attention, fault

_KEY = "health-certificate"
_REMEDY = "Restart the box, it makes a new one; see that the clock is right and the card not full."


def check(facts: Facts, now: float) -> list[Finding]:
    """Two weeks and one week before, the day before, and after its end."""
    certificate = facts.certificate
    if certificate is None:
        return []
    if not certificate.is_of_our_ca:
        sentence = "The server certificate is not of this box's own CA; mail programs refuse it."
        return [fault(_KEY, sentence, _REMEDY)]
    days = (certificate.expires_at - now) / DAY
    if days <= 0:
        return [fault(_KEY, "The server certificate has expired.", _REMEDY)]
    if days <= 1:
        return [fault(_KEY, "The server certificate expires within a day.", _REMEDY)]
    if days <= 14:
        key = _KEY if days <= 7 else f"{_KEY}-soon"
        return [attention(key, f"The server certificate expires in {int(days)} days.", _REMEDY)]
    return []
