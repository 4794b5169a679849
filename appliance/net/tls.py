"""The TLS context that all doors share: TLS 1.2 and up (RFC 8996, RFC 9325)."""

from __future__ import annotations

import ssl
from pathlib import Path

from appliance.net.certificates import SERVER_FILE


def server_context(directory: Path) -> ssl.SSLContext:
    """A context for servers with the certificate in `directory`. Blocks."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    # A ticket sent right behind the handshake makes clients hang that wait for data with select()
    # and then read one TLS record (imaplib2, so offlineimap, after STARTTLS). Handshakes are cheap
    # with this curve; TLS 1.2 still resumes.
    context.num_tickets = 0
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")  # for 1.2; 1.3 has its own list
    load(context, directory)
    return context


def load(context: ssl.SSLContext, directory: Path) -> None:
    """Use the certificate as it is now on disk for new connections; open ones go on. Blocks."""
    context.load_cert_chain(directory / SERVER_FILE)
