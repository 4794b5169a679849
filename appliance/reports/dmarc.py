"""Aggregate reports of DMARC (RFC 9990): written for others, and read. Pure.

Reading goes through defusedxml: a report is a stranger's XML.
"""

from __future__ import annotations

import calendar
import time
from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import (
    Element,
    ParseError,
    SubElement,
    tostring,
)

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

NAMESPACE = "urn:ietf:params:xml:ns:dmarc-2.0"
_MOST_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class Row:
    """Messages from one address that were judged alike."""

    ip: str
    count: int
    disposition: str  # none, quarantine, reject: what was done
    dkim: str  # pass or fail, aligned
    spf: str
    author: str  # domain of From
    sender: str = ""  # domain of MAIL FROM
    results: tuple[tuple[str, str, str, str], ...] = ()  # method, domain, selector, result


@dataclass(frozen=True, slots=True)
class Published:
    """The policy that was found."""

    domain: str
    policy: str
    subdomains: str = ""
    strict_dkim: bool = False
    strict_spf: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """A whole report, ours or another's."""

    organization: str
    contact: str
    identity: str
    begin: float
    end: float
    published: Published
    rows: tuple[Row, ...]


def written(report: Report) -> bytes:
    """The XML (Appendix A)."""
    root = Element("feedback", xmlns=NAMESPACE)
    _texts(root, version="1.0")
    metadata = SubElement(root, "report_metadata")
    _texts(metadata, org_name=report.organization, email=report.contact, report_id=report.identity)
    span = SubElement(metadata, "date_range")
    _texts(span, begin=str(int(report.begin)), end=str(int(report.end)))
    policy, found = SubElement(root, "policy_published"), report.published
    _texts(
        policy,
        domain=found.domain,
        p=found.policy,
        sp=found.subdomains or found.policy,
        adkim="s" if found.strict_dkim else "r",
        aspf="s" if found.strict_spf else "r",
    )
    for row in report.rows:
        _write_row(SubElement(root, "record"), row)
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root)


def _write_row(record: Element, row: Row) -> None:
    one = SubElement(record, "row")
    _texts(one, source_ip=row.ip, count=str(row.count))
    evaluated = SubElement(one, "policy_evaluated")
    _texts(evaluated, disposition=row.disposition, dkim=row.dkim, spf=row.spf)
    identifiers = SubElement(record, "identifiers")
    _texts(identifiers, header_from=row.author, envelope_from=row.sender)
    results = SubElement(record, "auth_results")
    for method, domain, selector, result in row.results:
        if method == "dkim":
            _texts(SubElement(results, "dkim"), domain=domain, selector=selector, result=result)
    for method, domain, _, result in row.results:
        if method == "spf":
            _texts(SubElement(results, "spf"), domain=domain, scope="mfrom", result=result)


def _texts(parent: Element, **values: str) -> None:
    for name, value in values.items():
        SubElement(parent, name).text = "".join(
            sign if sign.isprintable() else "?" for sign in value
        )


def read(content: bytes) -> Report:
    """A report. Raises ValueError: it is none."""
    try:
        root = fromstring(content, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError, RecursionError) as error:
        raise ValueError(f"not XML that can be read ({type(error).__name__})") from None
    for each in root.iter():  # with and without a namespace
        each.tag = str(each.tag).rpartition("}")[2]
    if root.tag != "feedback":
        raise ValueError("not a DMARC report")
    policy = root.find("policy_published")
    metadata = root.find("report_metadata")
    if policy is None or metadata is None:
        raise ValueError("not a whole DMARC report")
    return Report(
        _text(metadata, "org_name"),
        _text(metadata, "email"),
        _text(metadata, "report_id"),
        _number(metadata, "date_range/begin"),
        _number(metadata, "date_range/end"),
        Published(
            _text(policy, "domain").lower(),
            _text(policy, "p"),
            _text(policy, "sp"),
            _text(policy, "adkim") == "s",
            _text(policy, "aspf") == "s",
        ),
        tuple(_read_row(each) for each in root.findall("record")[:_MOST_ROWS]),
    )


def _read_row(record: Element) -> Row:
    results = []
    for method in ("dkim", "spf"):
        for each in record.findall(f"auth_results/{method}")[:10]:
            found = (_text(each, "domain"), _text(each, "selector"), _text(each, "result"))
            results.append((method, *found))
    return Row(
        _text(record, "row/source_ip"),
        int(_number(record, "row/count")),
        _text(record, "row/policy_evaluated/disposition"),
        _text(record, "row/policy_evaluated/dkim"),
        _text(record, "row/policy_evaluated/spf"),
        _text(record, "identifiers/header_from").lower(),
        _text(record, "identifiers/envelope_from").lower(),
        tuple(results),
    )


def _text(parent: Element, path: str) -> str:
    found = parent.find(path)
    return (found.text or "").strip()[:255] if found is not None else ""


def _number(parent: Element, path: str) -> float:
    text = _text(parent, path)
    return float(text) if text.isdigit() and len(text) < 15 else 0.0


def span_of(day: str) -> tuple[float, float]:
    """The first and the last second of a day in UTC."""
    begin = float(calendar.timegm(time.strptime(day, "%Y-%m-%d")))
    return begin, begin + 86_399


def summed(rows: Sequence[Row]) -> tuple[int, int]:
    """Messages that were proven, and that were not."""
    good = sum(row.count for row in rows if "pass" in {row.dkim, row.spf})
    return good, sum(row.count for row in rows) - good
