"""A SASL exchange without a socket or a protocol (RFC 4422), shared by all doors.

Doors do the base64 and the continuation lines; `Exchange` takes decoded responses and returns
the next challenge or the `Login`.
"""

from __future__ import annotations

from appliance.accounts.login import Gate, Login, Service
from appliance.accounts.scram import Scram
from appliance.errors import PeerError
from appliance.threads import Steps

MECHANISMS: tuple[bytes, ...] = (b"PLAIN", b"LOGIN", b"SCRAM-SHA-256")
LONGEST_RESPONSE = 8192  # octets of base64 a door should read for one response


class Exchange:
    """One attempt to log in."""

    def __init__(self, mechanism: bytes, gate: Gate, service: Service, peer_host: str) -> None:
        name = mechanism.upper()
        if name not in MECHANISMS:
            raise PeerError("That mechanism is not offered.")
        self._gate = gate
        self._service = service
        self._peer_host = peer_host
        self._scram = Scram(gate, service, peer_host)
        self._turns = {b"PLAIN": self._plain, b"LOGIN": self._login, b"SCRAM-SHA-256": self._scram_}
        self._turn = self._turns[name]
        self._stage = 0
        self._name = ""
        self._done: Login | None = None

    def respond(self, response: bytes | None) -> Steps[bytes | Login]:
        """Go on with the client's response; None when it sent no initial response.

        Raises:
            AuthenticationFailed: wrong name or password.
            PeerError: the response makes no sense.
            Temporary: too many failures; try later.
        """
        return (yield from self._turn(response))

    def _plain(self, response: bytes | None) -> Steps[bytes | Login]:
        """RFC 4616: authzid NUL authcid NUL password, in one response."""
        if response is None:
            return b""
        parts = response.split(b"\0")
        if len(parts) != 3:
            raise PeerError("That is not a PLAIN response.")
        authzid, name, password = (_text(part) for part in parts)
        if authzid not in {"", name}:
            raise PeerError("Nobody may log in as somebody else.")
        return (yield from self._check(name, password))

    def _login(self, response: bytes | None) -> Steps[bytes | Login]:
        """draft-murchison-sasl-login: name, then password; an initial response is the name."""
        if response is None:
            return b"Username:"
        if self._stage == 0:
            self._stage = 1
            self._name = _text(response)
            return b"Password:"
        return (yield from self._check(self._name, _text(response)))

    def _scram_(self, response: bytes | None) -> Steps[bytes | Login]:
        """RFC 5802 §5; our last word is a challenge that the client answers with nothing."""
        if self._done is not None:
            return self._done
        if response is None:
            return b""
        if self._stage == 0:
            self._stage = 1
            return (yield from self._scram.first(response))
        self._done, last = yield from self._scram.final(response)
        return last

    def _check(self, name: str, password: str) -> Steps[Login]:
        return (yield from self._gate.password(name, password, self._service, self._peer_host))


def _text(octets: bytes) -> str:
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        raise PeerError("A name or password is not UTF-8.") from None
