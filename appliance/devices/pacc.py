"""The JSON document of PACC (draft-ietf-mailmaint-pacc-03), and the record that vouches for it.

Served as `https://ua-auto-config.DOMAIN/.well-known/user-agent-configuration.json`. A program
believes it only if a TXT record `_ua-auto-config.DOMAIN` has the SHA-256 of exactly the octets it
was given, so what is served is always `document`, never the dictionary written anew. The draft has
no ports: a service is named only where it is on the port that belongs to it with TLS from the
start.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from appliance.devices.service import Services

CONTENT_TYPE = "application/json"
HOST_LABEL = "ua-auto-config"
RECORD_LABEL = "_ua-auto-config"
PATH = "/.well-known/user-agent-configuration.json"
_LONGEST_NAME = 60


def pacc(services: Services) -> dict[str, Any]:
    """What the document says."""
    offered = (
        ("imap", services.imap_port, 993),
        ("pop3", services.pop3_port, 995),
        ("submit", services.submission_port, 465),
    )
    return {
        "protocols": {
            name: {"host": services.host} for name, port, standard in offered if port == standard
        },
        "authentication": {"password": True},
        "info": {
            "provider": {
                "name": services.title[:_LONGEST_NAME].strip(),
                "shortName": services.short_title,
            }
        },
    }


def document(services: Services) -> bytes:
    """The octets to serve: always the same for the same services."""
    text = json.dumps(pacc(services), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.encode()


def record(octets: bytes) -> str:
    """The value of the TXT record for a document."""
    digest = base64.b64encode(hashlib.sha256(octets).digest()).decode()
    return f"v=UAAC1; a=sha256; d={digest}"
