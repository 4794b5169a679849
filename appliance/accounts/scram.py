"""SCRAM-SHA-256, the server's side, without a socket (RFC 5802, RFC 7677).

    client-first  ->  n,,n=anna@office.test,r=NONCE
    server-first  <-  r=NONCE+OURS,s=SALT,i=10000
    client-final  ->  c=biws,r=NONCE+OURS,p=PROOF
    server-final  <-  v=SIGNATURE

Whoever has no account gets a salt that never changes for that name, so that names cannot be
tried out. Channel binding (-PLUS) is not offered; a client that asks for it is refused (§6).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets

from appliance.accounts.directory import Account
from appliance.accounts.login import Gate, Login, Service
from appliance.accounts.passwords import SCRAM_ITERATIONS, ScramKeys
from appliance.errors import PeerError
from appliance.threads import Steps

_LONGEST_MESSAGE = 2048
_BROKEN = "That is not a SCRAM message."


class Scram:
    """One exchange."""

    def __init__(self, gate: Gate, service: Service, peer_host: str) -> None:
        self._gate = gate
        self._service = service
        self._peer_host = peer_host
        self._account: Account | None = None
        self._name = ""
        self._keys = ScramKeys(b"", 0, b"", b"")
        self._bare = b""
        self._server_first = b""
        self._header = b""
        self._nonce = b""

    def first(self, message: bytes) -> Steps[bytes]:
        """Take client-first-message, return server-first-message.

        Raises:
            PeerError: not a SCRAM message.
            Temporary: too many failures.
        """
        if len(message) > _LONGEST_MESSAGE:
            raise PeerError(_BROKEN)
        flag, _, rest = message.partition(b",")
        if flag not in {b"n", b"y"}:  # "p=": wants channel binding
            raise PeerError("Channel binding is not offered here.")
        authzid, _, self._bare = rest.partition(b",")
        self._header = flag + b"," + authzid + b","
        fields = _fields(self._bare)
        if b"n" not in fields or not fields.get(b"r") or b"m" in fields:
            raise PeerError(_BROKEN)
        self._name = _name(fields[b"n"])
        if authzid not in {b"", b"a=" + fields[b"n"]}:
            raise PeerError("Nobody may log in as somebody else.")
        self._account = self._gate.known(self._name)
        yield from self._gate.wait_in_line(self._peer_host, self._key(), self._service)
        self._keys = self._known_keys()
        self._nonce = fields[b"r"] + base64.b64encode(secrets.token_bytes(18))
        self._server_first = b"r=%b,s=%b,i=%d" % (
            self._nonce,
            base64.b64encode(self._keys.salt),
            self._keys.iterations,
        )
        return self._server_first

    def final(self, message: bytes) -> Steps[tuple[Login, bytes]]:
        """Take client-final-message, return who it is and server-final-message.

        Raises:
            PeerError: not a SCRAM message.
            AuthenticationFailed: the proof is wrong.
        """
        without_proof, separator, proof_text = message.rpartition(b",p=")
        fields = _fields(without_proof)
        if not separator or len(message) > _LONGEST_MESSAGE or fields.get(b"r") != self._nonce:
            raise PeerError(_BROKEN)
        if _unbase64(fields.get(b"c", b"")) != self._header:
            raise PeerError(_BROKEN)
        signed = b",".join((self._bare, self._server_first, without_proof))
        signature = hmac.digest(self._keys.stored_key, signed, "sha256")
        proof = _unbase64(proof_text)
        client_key = bytes(a ^ b for a, b in zip(proof, signature, strict=False))
        right = hmac.compare_digest(hashlib.sha256(client_key).digest(), self._keys.stored_key)
        if self._account is None or len(proof) != len(signature) or not right:
            self._gate.note_failure(self._peer_host, self._key(), self._service)
        assert self._account is not None
        login = self._gate.welcome(self._account, self._peer_host, self._service)
        verifier = hmac.digest(self._keys.server_key, signed, "sha256")
        return login, b"v=" + base64.b64encode(verifier)
        yield  # no step is needed; the method is a generator for the sake of its callers

    def _key(self) -> str:
        return self._account.address if self._account is not None else self._name.lower()[:320]

    def _known_keys(self) -> ScramKeys:
        if self._account is not None and self._account.scram is not None:
            return self._account.scram
        salt = hmac.digest(self._gate.pepper, self._name.lower().encode(), "sha256")[:16]
        nothing = secrets.token_bytes(32)
        return ScramKeys(salt, SCRAM_ITERATIONS, nothing, nothing)


def _fields(message: bytes) -> dict[bytes, bytes]:
    fields = {}
    for item in message.split(b","):
        key, equals, value = item.partition(b"=")
        if equals and len(key) == 1:
            fields[key] = value
    return fields


def _name(value: bytes) -> str:
    """RFC 5802 §5.1: =2C and =3D stand for comma and equals sign; no other = may appear."""
    plain = value.replace(b"=2C", b",").replace(b"=2c", b",").replace(b"=3D", b"\0")
    plain = plain.replace(b"=3d", b"\0")
    if b"=" in plain:
        raise PeerError(_BROKEN)
    try:
        return plain.replace(b"\0", b"=").decode("utf-8")
    except UnicodeDecodeError:
        raise PeerError(_BROKEN) from None


def _unbase64(text: bytes) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise PeerError(_BROKEN) from None
