"""Whether what the DNS says is what should be there, in plain words: pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from appliance.net.resolver import Answer, Mx, Outcome
from appliance.words import phrase
from appliance.zone.records import Topic, Wanted


class State(Enum):
    """How it stands with a record."""

    GOOD = phrase("good")
    MISSING = phrase("missing")
    WRONG = phrase("wrong")
    UNKNOWN = phrase("unknown")  # the DNS does not answer


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found for one record."""

    state: State
    sentence: str


def verdict(wanted: Wanted, answer: Answer) -> Verdict:
    """Hold an answer against what is wanted."""
    if answer.outcome is Outcome.FAILED:
        return Verdict(State.UNKNOWN, "The DNS gave no answer; try again later.")
    return _JUDGES[wanted.topic](wanted, answer.records)


def _texts(records: Sequence[object], start: str) -> list[str]:
    texts = [each.decode("utf-8", "replace") for each in records if isinstance(each, bytes)]
    return [each for each in texts if re.match(rf"{start}(\s|;|\Z)", each, re.IGNORECASE)]


def _mx(wanted: Wanted, records: Sequence[object]) -> Verdict:
    hosts = [each.host for each in sorted(_mxs(records), key=lambda each: each.preference)]
    ours = wanted.value.split()[1].rstrip(".").lower()
    if not hosts:
        return Verdict(State.MISSING, "Nobody can find out where mail for this domain goes.")
    if hosts == [""]:
        return Verdict(State.WRONG, "The domain says that it takes no mail at all (null MX).")
    if ours not in hosts:
        return Verdict(State.WRONG, f"Mail goes to {hosts[0]}, not to this box.")
    if hosts[0] != ours:
        return Verdict(State.GOOD, f"Mail goes to {hosts[0]} first, and to this box after it.")
    return Verdict(State.GOOD, "Mail for this domain comes to this box.")


def _mxs(records: Sequence[object]) -> list[Mx]:
    return [each for each in records if isinstance(each, Mx)]


def _spf(wanted: Wanted, records: Sequence[object]) -> Verdict:
    found = _texts(records, "v=spf1")
    if not found:
        return Verdict(State.MISSING, "Others cannot tell who may send in this domain's name.")
    if len(found) > 1:
        return Verdict(State.WRONG, "There are two SPF records; only one may be, or none counts.")
    terms = found[0].lower().split()
    if "+all" in terms or "all" in terms:
        return Verdict(State.WRONG, "The record lets everybody send in this domain's name (all).")
    missing = [each for each in wanted.value.lower().split()[1:-1] if each not in terms]
    if missing:
        return Verdict(
            State.WRONG,
            f"The record does not have {' '.join(missing)}; if this box sends for the domain in "
            "another way that the record names, it is good all the same.",
        )
    return Verdict(State.GOOD, "Others can tell that this box may send for this domain.")


def _dkim(wanted: Wanted, records: Sequence[object]) -> Verdict:
    texts = [each.decode("utf-8", "replace") for each in records if isinstance(each, bytes)]
    if not texts:
        return Verdict(State.MISSING, "Our signature with this key cannot be verified.")
    key = _key(wanted.value)
    if any(_key(each) == key for each in texts):
        return Verdict(State.GOOD, "Others can verify our signature.")
    return Verdict(State.WRONG, "Another key stands there; it may have been cut while pasting.")


def _key(text: str) -> str:
    found = re.search(r"(?:\A|;)\s*p\s*=\s*([^;]*)", text)
    return re.sub(r"\s", "", found[1]) if found else ""


def _dmarc(wanted: Wanted, records: Sequence[object]) -> Verdict:
    del wanted
    found = _texts(records, r"v\s*=\s*DMARC1")
    if not found:
        return Verdict(State.MISSING, "Others let forgeries of this domain through.")
    if len(found) > 1:
        return Verdict(State.WRONG, "There are two DMARC records; only one may be, or none counts.")
    policy = re.search(r";\s*p\s*=\s*(\w+)", found[0])
    if policy is None or policy[1].lower() == "none":
        return Verdict(
            State.GOOD,
            "Others watch and report forgeries but let them through; when the reports show only "
            "your own mail, change p=none to p=quarantine and later to p=reject.",
        )
    if policy[1].lower() == "reject":
        return Verdict(State.GOOD, "Others reject forgeries of this domain.")
    return Verdict(State.GOOD, "Others put forgeries of this domain aside.")


def _tls_rpt(wanted: Wanted, records: Sequence[object]) -> Verdict:
    del wanted
    if not _texts(records, "v=TLSRPTv1"):
        return Verdict(State.MISSING, "Others do not report when encryption to this box fails.")
    return Verdict(State.GOOD, "Others report when encryption to this box fails.")


def _sts(wanted: Wanted, records: Sequence[object]) -> Verdict:
    del wanted
    if not _texts(records, "v=STSv1"):
        return Verdict(
            State.MISSING,
            "Not needed. It also takes a web server that shows the policy, which is not this box.",
        )
    return Verdict(State.GOOD, "Others demand encryption as the policy on your web server says.")


def _same(wanted: Wanted, records: Sequence[object]) -> Verdict:
    value = wanted.value.rstrip(".").lower()
    shown = [str(each).rstrip(".").lower() for each in records]
    if not shown:
        return Verdict(State.MISSING, "Not needed; with it, mail programs need fewer answers.")
    if value in shown:
        return Verdict(State.GOOD, "Mail programs find this box.")
    return Verdict(State.WRONG, f"It names {shown[0]} instead.")


def _srv(wanted: Wanted, records: Sequence[object]) -> Verdict:
    """RFC 6186 §3.4: a target of "." says that there is no such service."""
    said = _same(wanted, records)
    if not wanted.value.endswith(" ."):
        return said
    match said.state:
        case State.GOOD:
            return Verdict(State.GOOD, "Mail programs do not look for a way without encryption.")
        case State.WRONG:
            return Verdict(
                State.WRONG,
                "It leads mail programs to a way that may begin without encryption; the records "
                "with an s at the end are the better ones.",
            )
    return said


def _pacc(wanted: Wanted, records: Sequence[object]) -> Verdict:
    found = _texts(records, r"v\s*=\s*UAAC1")
    if not found:
        return Verdict(State.MISSING, "Not needed; few mail programs ask for it yet.")
    if wanted.value in found:  # several may stand there while one replaces another
        return Verdict(State.GOOD, "Mail programs can tell that they are set up as you want.")
    return Verdict(
        State.WRONG,
        "It vouches for other settings, so mail programs that ask for it do not believe this box.",
    )


_JUDGES: dict[Topic, Callable[[Wanted, Sequence[object]], Verdict]] = {
    Topic.MX: _mx,
    Topic.SPF: _spf,
    Topic.DKIM: _dkim,
    Topic.DMARC: _dmarc,
    Topic.TLS_RPT: _tls_rpt,
    Topic.STS: _sts,
    Topic.AUTOCONFIG: _same,
    Topic.PACC: _pacc,
    Topic.SRV: _srv,
}
