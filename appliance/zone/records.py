"""The records to publish for a domain: pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from appliance.words import phrase


class Topic(Enum):
    """What a record is for."""

    MX = phrase("mail comes here")
    SPF = phrase("who may send in its name (RFC 7208)")
    DKIM = phrase("the key of its signatures (RFC 6376)")
    DMARC = phrase("what others do with forgeries (RFC 9989)")
    TLS_RPT = phrase("reports about encryption (RFC 8460)")
    STS = phrase("encryption is demanded (RFC 8461)")
    AUTOCONFIG = phrase("mail programs set themselves up")
    PACC = phrase("they can tell that what sets them up is true (PACC)")
    SRV = phrase("mail programs find the servers (RFC 6186, RFC 8314)")


class Need(Enum):
    """How much it matters."""

    NEEDED = phrase("needed")
    ADVISED = phrase("advised")
    OPTIONAL = phrase("optional")


@dataclass(frozen=True, slots=True)
class Wanted:
    """One record."""

    topic: Topic
    need: Need
    name: str
    kind: str  # MX, TXT, SRV, CNAME
    value: str  # as in a zone file; a TXT record without quotes

    @property
    def line(self) -> str:
        """As a line of a zone file; long texts in pieces of at most 255 octets (RFC 1035 §3.3)."""
        value = self.value
        if self.kind == "TXT":
            pieces = [value[at : at + 250] for at in range(0, len(value), 250)]
            value = " ".join(f'"{each}"' for each in pieces)
        return f"{self.name}. 3600 IN {self.kind} {value}"


@dataclass(frozen=True, slots=True)
class Situation:
    """What is known about a domain here."""

    domain: str
    host: str  # the public name of this box
    keys: Sequence[tuple[str, str]] = ()  # DKIM: name and value of each record
    spf_include: str = ""  # of a provider through which mail leaves
    receives: bool = True  # mail comes straight to this box; otherwise it is collected
    pacc: str = ""  # what vouches for the document that mail programs are shown; none: empty


_SET_UP = ("autoconfig", "autodiscover", "ua-auto-config")  # Thunderbird, Outlook, PACC
_NOT_OFFERED = 0  # RFC 6186 §3.4: the target is the root
_SERVICES = (
    ("_imaps", 993),
    ("_submissions", 465),
    ("_submission", 587),
    ("_pop3s", 995),
    # RFC 8314 §3: with TLS from the start; who asks for the others is not led to passwords in clear
    ("_imap", _NOT_OFFERED),
    ("_pop3", _NOT_OFFERED),
    ("_autodiscover", 443),  # Outlook, where the name autodiscover has no certificate
)


def wanted(situation: Situation) -> list[Wanted]:
    """All records, the important ones first."""
    domain, host = situation.domain, situation.host
    found = []
    if situation.receives:
        found.append(Wanted(Topic.MX, Need.NEEDED, domain, "MX", f"10 {host}."))
    found.append(Wanted(Topic.SPF, Need.NEEDED, domain, "TXT", _spf(situation)))
    found += [
        Wanted(Topic.DKIM, Need.NEEDED if "k=rsa" in value else Need.ADVISED, name, "TXT", value)
        for name, value in situation.keys
    ]
    report = f"mailto:postmaster@{domain}"
    dmarc = f"v=DMARC1; p=none; rua={report}"
    found.append(Wanted(Topic.DMARC, Need.NEEDED, f"_dmarc.{domain}", "TXT", dmarc))
    if situation.receives:
        tls = f"v=TLSRPTv1; rua={report}"
        found.append(Wanted(Topic.TLS_RPT, Need.ADVISED, f"_smtp._tls.{domain}", "TXT", tls))
        sts = "v=STSv1; id=1"
        found.append(Wanted(Topic.STS, Need.OPTIONAL, f"_mta-sts.{domain}", "TXT", sts))
    return found + _for_mail_programs(situation)


def _for_mail_programs(situation: Situation) -> list[Wanted]:
    """How mail programs find this box by the address alone."""
    domain, host = situation.domain, situation.host
    found = [
        Wanted(Topic.AUTOCONFIG, Need.OPTIONAL, f"{label}.{domain}", "CNAME", f"{host}.")
        for label in _SET_UP
    ]
    if situation.pacc:
        name = f"_ua-auto-config.{domain}"
        found.append(Wanted(Topic.PACC, Need.OPTIONAL, name, "TXT", situation.pacc))
    found += [
        Wanted(
            Topic.SRV,
            Need.OPTIONAL,
            f"{service}._tcp.{domain}",
            "SRV",
            "0 0 0 ." if port == _NOT_OFFERED else f"0 1 {port} {host}.",
        )
        for service, port in _SERVICES
    ]
    return found


def _spf(situation: Situation) -> str:
    direct = "mx" if situation.receives else f"a:{situation.host}"
    include = f" include:{situation.spf_include}" if situation.spf_include else ""
    return f"v=spf1 {direct}{include} ~all"
