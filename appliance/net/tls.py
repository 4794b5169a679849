"""The TLS context that all doors share: TLS 1.2 and up (RFC 8996, RFC 9325)."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

from appliance.net.certificates import SERVER_FILE


class ServerContext(ssl.SSLContext):
    """A context that tells when a client does not trust the certificate.

    No door hears of that: the handshake fails before there is a connection. Who the client is, is
    not known here, only that it sent the alert (RFC 8446 §6.2).
    """

    on_distrust: Callable[[], None] | None = None
    """Quick, in the event loop."""
    quiet: ssl.SSLContext
    """The same for those whose distrust says nothing about mail programs: other servers, browsers.
    """


class _Handshaker(ssl.SSLObject):
    def do_handshake(self) -> None:
        """Go on with the handshake."""
        try:
            super().do_handshake()
        except ssl.SSLError as error:
            context = self.context
            if _is_distrust(error) and isinstance(context, ServerContext) and context.on_distrust:
                context.on_distrust()
            raise


def _is_distrust(error: ssl.SSLError) -> bool:
    """An alert about our certificate, under the names of OpenSSL 1.1 to 3.5."""
    reason = error.reason or ""
    return "ALERT" in reason and ("CERTIFICATE" in reason or "UNKNOWN_CA" in reason)


def server_context(directory: Path) -> ServerContext:
    """A context for servers with the certificate in `directory`. Blocks."""
    context = ServerContext(ssl.PROTOCOL_TLS_SERVER)
    context.sslobject_class = _Handshaker
    context.quiet = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _restrict(context)
    _restrict(context.quiet)
    load(context, directory)
    return context


def _restrict(context: ssl.SSLContext) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    # A ticket sent right behind the handshake makes clients hang that wait for data with select()
    # and then read one TLS record (imaplib2, so offlineimap, after STARTTLS). Handshakes are cheap
    # with this curve; TLS 1.2 still resumes.
    context.num_tickets = 0
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")  # for 1.2; 1.3 has its own list


def load(context: ServerContext, directory: Path) -> None:
    """Use the certificate as it is now on disk for new connections; open ones go on. Blocks."""
    for each in (context, context.quiet):
        each.load_cert_chain(directory / SERVER_FILE)
