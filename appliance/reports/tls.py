"""Reports about TLS (RFC 8460): written for others, and read. Pure."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

SUCCESS = ""


@dataclass(frozen=True, slots=True)
class Sessions:
    """Sessions of one day with one host of a domain that ended alike."""

    policy: str  # tlsa, sts, no-policy-found (§4.2)
    host: str
    failure: str  # result type (§4.3); SUCCESS
    count: int


def written(
    domain: str, day: str, sessions: Sequence[Sessions], organization: str, contact: str
) -> tuple[str, bytes]:
    """The report's id and its JSON (§4.4); `day`: 2026-11-23 (UTC)."""
    identity = f"{day}.{domain}@{organization}"
    policies: list[dict[str, Any]] = []
    for kind in sorted({each.policy for each in sessions}):
        found = [each for each in sessions if each.policy == kind]
        failed = [each for each in found if each.failure]
        policies.append(
            {
                "policy": {"policy-type": kind, "policy-domain": domain},
                "summary": {
                    "total-successful-session-count": sum(
                        each.count for each in found if not each.failure
                    ),
                    "total-failure-session-count": sum(each.count for each in failed),
                },
                "failure-details": [
                    {
                        "result-type": each.failure,
                        "receiving-mx-hostname": each.host,
                        "failed-session-count": each.count,
                    }
                    for each in failed
                ],
            }
        )
    report = {
        "organization-name": organization,
        "date-range": {
            "start-datetime": f"{day}T00:00:00Z",
            "end-datetime": f"{day}T23:59:59Z",
        },
        "contact-info": contact,
        "report-id": identity,
        "policies": policies,
    }
    return identity, json.dumps(report, indent=1).encode()


def destinations(records: Sequence[object]) -> list[str]:
    """Mail addresses of the one TLSRPT record (§3); empty when there is none, or two."""
    texts = [each.decode("utf-8", "replace") for each in records if isinstance(each, bytes)]
    ours = [each for each in texts if each.replace(" ", "").startswith("v=TLSRPTv1;")]
    if len(ours) != 1:
        return []
    for tag in ours[0].split(";")[1:]:
        name, _, value = tag.partition("=")
        if name.strip() == "rua":
            uris = [each.strip() for each in value.split(",")]
            return [each[7:].partition("?")[0] for each in uris if each.startswith("mailto:")][:3]
    return []


@dataclass(frozen=True, slots=True)
class TlsReport:
    """What another server says about sessions with ours."""

    organization: str
    begin: str
    identity: str
    domain: str
    succeeded: int
    failed: int
    failures: tuple[str, ...]


def read(content: bytes) -> list[TlsReport]:
    """A report for each policy domain. Raises ValueError: it is none."""
    try:
        found = json.loads(content)
        return [_policy(found, each) for each in found["policies"][:100]]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"not a TLS report ({type(error).__name__})") from None


def _policy(report: dict[str, Any], policy: dict[str, Any]) -> TlsReport:
    summary = policy["summary"]
    return TlsReport(
        str(report.get("organization-name", ""))[:200],
        str(report["date-range"]["start-datetime"])[:40],
        str(report.get("report-id", ""))[:200],
        str(policy["policy"]["policy-domain"])[:255].lower(),
        int(summary.get("total-successful-session-count", 0)),
        int(summary.get("total-failure-session-count", 0)),
        tuple(str(each.get("result-type", ""))[:80]
              for each in (policy.get("failure-details") or ())[:50]),
    )  # fmt: skip


def day_of(now: float) -> str:
    """The day in UTC."""
    return time.strftime("%Y-%m-%d", time.gmtime(now))
