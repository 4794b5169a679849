"""Letters that carry reports: made for others, and taken apart. Pure."""

from __future__ import annotations

import email.utils
import gzip
import io
import zipfile
import zlib
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP, default
from typing import IO

LARGEST = 20 * 1024 * 1024  # octets of an unpacked report
_LARGEST_PACKED = 10 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class About:
    """What a letter of ours is about."""

    host: str  # of this box
    organization: str  # our domain
    domain: str  # whom it is for
    identity: str  # of the report
    now: float


def tls_letter(about: About, content: bytes) -> EmailMessage:
    """RFC 8460 §5.3, without a recipient."""
    letter = _letter(about)
    letter["Subject"] = (
        f"Report Domain: {about.domain} Submitter: {about.organization} "
        f"Report-ID: <{about.identity}>"
    )
    letter["TLS-Report-Domain"] = about.domain
    letter["TLS-Report-Submitter"] = about.organization
    letter["TLS-Required"] = "No"  # RFC 8460 §3: it must not fail for what it tells of
    letter.set_content(f"How encryption to the servers of {about.domain} fared here.\n")
    letter.add_attachment(
        gzip.compress(content, mtime=0),
        maintype="application",
        subtype="tlsrpt+gzip",
        filename=f"{about.organization}!{about.domain}!{about.identity.partition('.')[0]}.json.gz",
    )
    letter.replace_header("Content-Type", "multipart/report")
    letter.set_param("report-type", "tlsrpt")
    letter.set_boundary("report-" + about.identity.encode().hex()[:40])
    return letter


def dmarc_letter(about: About, content: bytes, span: tuple[int, int]) -> EmailMessage:
    """RFC 9990 §3.5, without a recipient; `span`: the first and the last second."""
    letter = _letter(about)
    letter["Subject"] = (
        f"Report Domain: {about.domain} Submitter: {about.organization} Report-ID: {about.identity}"
    )
    letter.set_content(f"Mail from {about.domain} as it was seen here.\n")
    letter.add_attachment(
        gzip.compress(content, mtime=0),
        maintype="application",
        subtype="gzip",
        filename=f"{about.organization}!{about.domain}!{span[0]}!{span[1]}.xml.gz",
    )
    return letter


def _letter(about: About) -> EmailMessage:
    letter = EmailMessage(policy=SMTP)
    letter["From"] = f"Mail server <postmaster@{about.organization}>"
    letter["Date"] = email.utils.formatdate(about.now, localtime=True)
    letter["Message-ID"] = email.utils.make_msgid(domain=about.host)
    letter["Auto-Submitted"] = "auto-generated"  # RFC 3834 §5
    return letter


def attached(content: bytes) -> list[bytes]:
    """What is attached to a letter, unpacked; nothing where it is no report."""
    letter = message_from_bytes(content, policy=default)
    found = []
    for part in list(letter.walk())[:20]:
        kind = part.get_content_type()
        name = (part.get_filename() or "").lower()
        is_report = kind in _KINDS or name.endswith((".xml", ".xml.gz", ".json.gz", ".zip"))
        if not is_report or part.is_multipart():
            continue
        packed = part.get_payload(decode=True)
        if isinstance(packed, bytes) and len(packed) <= _LARGEST_PACKED:
            found.append(unpacked(packed))
    return [each for each in found if each]


_KINDS = {
    "application/gzip", "application/x-gzip", "application/zip", "application/x-zip-compressed",
    "application/tlsrpt+gzip", "application/tlsrpt+json", "text/xml", "application/xml",
}  # fmt: skip


def unpacked(packed: bytes) -> bytes:
    """The content of a gzip or of a zip with one file; empty when it is neither, or too large."""
    try:
        if packed.startswith(b"\x1f\x8b"):
            return _bounded(gzip.GzipFile(fileobj=io.BytesIO(packed)))
        if packed.startswith(b"PK"):
            with (
                zipfile.ZipFile(io.BytesIO(packed)) as archive,
                archive.open(archive.namelist()[0]) as file,
            ):
                return _bounded(file)
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError, IndexError,
            NotImplementedError, ValueError):  # fmt: skip
        return b""
    return packed if packed.lstrip()[:1] in {b"<", b"{"} else b""


def _bounded(file: IO[bytes] | gzip.GzipFile) -> bytes:
    """A small file can unpack to any size."""
    content = file.read(LARGEST + 1)
    return content if len(content) <= LARGEST else b""
