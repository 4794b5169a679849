"""Passkeys (WebAuthn Level 2): a key in a phone or a stick instead of a password and a code.

A passkey is bound to the name under which the page was opened when it was made (its rp id), and
answers only there; a browser refuses to make one where the page is opened by an IP address. It asks
its holder for a finger, a face or a PIN (user verification), so it stands for password and code.
What reads bytes from browsers is the library fido2.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
from base64 import urlsafe_b64encode
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from appliance.accounts.database import AccountsDatabase
from appliance.errors import AuthenticationFailed, NotFound, Refused
from appliance.web.language import N_

if TYPE_CHECKING:
    from fido2.server import Fido2Server

LOGIN = ""
"""Whose ceremony it is while nobody knows who comes."""
_SECONDS = 300.0
_MOST_WAITING = 500
_MOST_EACH = 20


@dataclass(frozen=True, slots=True)
class Passkey:
    """One of somebody's passkeys."""

    identity: str  # base64url of its credential id
    login: str
    name: str
    rp: str  # the name of the page that it is for
    created: float
    last_used: float


class Ceremonies:
    """Questions that browsers were sent and have to answer, each once, within five minutes.

    Kept in memory. Belongs to the event loop.
    """

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, tuple[str, float, Any]] = OrderedDict()

    def ask(self, who: str, state: Any, now: float) -> str:
        """What the answer has to bring along."""
        token = secrets.token_urlsafe(16)
        self._waiting[token] = (who, now + _SECONDS, state)
        while len(self._waiting) > _MOST_WAITING:
            self._waiting.popitem(last=False)
        return token

    def take(self, token: str, who: str, now: float) -> Any:
        """The state of a question. Raises Refused when there is none such any more."""
        asked, until, state = self._waiting.pop(token, ("", 0.0, None))
        if until <= now or asked != who:
            raise Refused(N_("This took too long; try again."))
        return state


def relying(origin: str) -> str:
    """The name that passkeys of a page are bound to (WebAuthn §5.1.2: a valid domain).

    Raises:
        Refused: the page was opened by an IP address.
    """
    host = urlsplit(origin).hostname or ""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        if host:
            return host
    raise Refused(
        N_(
            "A passkey is bound to a name, and this page was opened by a number. "
            "Open it by its name:"
        )
    )


# --- making one


def creation(
    database: AccountsDatabase, login: str, name: str, origin: str, office: str
) -> tuple[dict[str, Any], Any]:
    """What a browser is asked so that it makes one, and the state to remember. Blocks."""
    from fido2.webauthn import (  # noqa: PLC0415 - only who uses passkeys pays for it
        PublicKeyCredentialUserEntity,
        ResidentKeyRequirement,
        UserVerificationRequirement,
    )

    rp = relying(origin)
    handle = hmac.digest(database.secret("passkeys"), login.encode(), hashlib.sha256)
    user = PublicKeyCredentialUserEntity(name=login, id=handle, display_name=name or login)
    options, state = _server(rp, origin, office).register_begin(
        user,
        [found for _, found in _stored(database, rp, login)],
        resident_key_requirement=ResidentKeyRequirement.REQUIRED,
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return dict(options)["publicKey"], state


def add(
    database: AccountsDatabase, passkey: Passkey, born: float, state: Any, origin: str, said: Any
) -> str:
    """Keep what a browser made; its identity. `born` is when its owner's login was made. Blocks.

    Raises:
        Refused: it is no answer to the question.
    """
    try:
        made = _server(passkey.rp, origin, "").register_complete(state, said)
    except Exception as error:  # the library reads what anybody may have sent
        raise Refused(N_("The browser's answer cannot be used; try again.")) from error
    credential = made.credential_data
    if credential is None:
        raise Refused(N_("The browser's answer cannot be used; try again."))
    identity = _text(credential.credential_id)
    with database.change() as db:
        if db.execute("select 1 from web_passkeys where id = ?", [identity]).fetchone():
            raise Refused(N_("This passkey is there already."))
        (count,) = db.execute(
            "select count(*) from web_passkeys where login = ?", [passkey.login]
        ).fetchone()
        if count >= _MOST_EACH:
            raise Refused(N_("Twenty passkeys are enough; remove one first."))
        db.table("web_passkeys").insert(
            {
                "id": identity,
                "login": passkey.login,
                "born": born,
                "name": passkey.name,
                "rp": passkey.rp,
                "credential": bytes(credential),
                "counter": made.counter,
                "created": passkey.created,
                "last_used": 0.0,
            }
        )
    return identity


# --- logging in


def request(origin: str) -> tuple[dict[str, Any], Any]:
    """What a browser is asked so that it shows one, and the state to remember."""
    from fido2.webauthn import UserVerificationRequirement  # noqa: PLC0415 - as above

    options, state = _server(relying(origin), origin, "").authenticate_begin(
        user_verification=UserVerificationRequirement.REQUIRED
    )
    return dict(options)["publicKey"], state


def owner_of(database: AccountsDatabase, state: Any, origin: str, said: Any, now: float) -> str:
    """Whose passkey it is that a browser showed. Blocks.

    Raises:
        AuthenticationFailed: it is not known here, not for this name, or a copy of one.
    """
    from fido2.webauthn import AuthenticationResponse  # noqa: PLC0415 - as above

    rp = relying(origin)
    known = dict(_stored(database, rp))
    try:
        answer = AuthenticationResponse.from_dict(said)
        found = _server(rp, origin, "").authenticate_complete(state, [*known.values()], answer)
        identity, counter = _text(found.credential_id), answer.response.authenticator_data.counter
    except Exception as error:  # the library reads what anybody may have sent
        raise AuthenticationFailed(N_("This passkey is not known here.")) from error
    with database.change() as db:
        row = next(db.query("select * from web_passkeys where id = ?", [identity]))
        if (counter or row["counter"]) and counter <= row["counter"]:  # §6.1.1: there are two
            raise AuthenticationFailed(N_("This passkey is not known here."))
        db.execute(
            "update web_passkeys set counter = ?, last_used = ? where id = ?",
            [counter, now, identity],
        )
    if not row["born"] or row["born"] != born(database, row["login"]):
        raise AuthenticationFailed(N_("This passkey is not known here."))
    return str(row["login"])


# --- what is kept


def of(database: AccountsDatabase, login: str) -> list[Passkey]:
    """Somebody's passkeys, the oldest first."""
    with database.read() as db:
        rows = db.query("select * from web_passkeys where login = ? order by created", [login])
        return [
            Passkey(r["id"], r["login"], r["name"], r["rp"], r["created"], r["last_used"])
            for r in rows
        ]


def remove(database: AccountsDatabase, login: str, identity: str) -> None:
    """Let one open nothing any more. Raises NotFound."""
    with database.change() as db:
        gone = db.execute("delete from web_passkeys where login = ? and id = ?", [login, identity])
        if not gone.rowcount:
            raise NotFound(N_("There is no such passkey."))


def born(database: AccountsDatabase, login: str) -> float:
    """When a login was made: another one of the same name, later, has other passkeys."""
    with database.read() as db:
        row = db.execute(
            "select created from web_people where login = ? and argon2 <> ''", [login]
        ).fetchone()
    return float(row[0]) if row else database.made_at(login) or 0.0


def _stored(database: AccountsDatabase, rp: str, login: str = "") -> Sequence[tuple[str, Any]]:
    from fido2.webauthn import AttestedCredentialData  # noqa: PLC0415 - as above

    with database.read() as db:
        rows = db.query(
            "select id, credential from web_passkeys where rp = ? and (? = '' or login = ?)",
            [rp, login, login],
        )
        return [(row["id"], AttestedCredentialData(row["credential"])) for row in rows]


def _server(rp: str, origin: str, office: str) -> Fido2Server:
    from fido2.server import Fido2Server  # noqa: PLC0415 - as above
    from fido2.webauthn import PublicKeyCredentialRpEntity  # noqa: PLC0415 - as above

    def is_here(said: str) -> bool:
        return hmac.compare_digest(said.encode(), origin.encode())

    entity = PublicKeyCredentialRpEntity(name=office or rp, id=rp)
    return Fido2Server(entity, verify_origin=is_here)


def _text(identity: bytes) -> str:
    return urlsafe_b64encode(identity).rstrip(b"=").decode("ascii")


def answer_of(given: Any) -> Mapping[str, Any]:
    """What a browser sent, as JSON. Raises Refused."""
    if not isinstance(given, dict):
        raise Refused(N_("The browser's answer cannot be used; try again."))
    return given
