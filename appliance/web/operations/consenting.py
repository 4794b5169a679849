"""The fields of a login by OAuth, for everything that logs in at other servers."""

from __future__ import annotations

from appliance.fetch.oauth import KNOWN
from appliance.fetch.source import Consent
from appliance.web.fields import BadFields, Field, Kind, Values
from appliance.web.language import N_

PASSWORD, OTHER = "password", "other"
LOGIN = Field(
    "login", N_("Log in there"), Kind.CHOICE, required=False, default=PASSWORD,
    choices=((PASSWORD, N_("with a password")), ("google", N_("by consent at Google")),
             ("microsoft", N_("by consent at Microsoft")),
             (OTHER, N_("by consent at another provider"))),
)  # fmt: skip
CLIENT_ID = Field(
    "client_id", N_("Client ID"), required=False,
    help=N_("For a login by consent: what the provider gave for this use."),
)  # fmt: skip
CLIENT_SECRET = Field("client_secret", N_("Client secret"), Kind.SECRET, required=False)
TOKEN_URL = Field(
    "token_url", N_("Address for tokens"), required=False,
    help=N_("Of another provider only, as its documentation names it; https."),
)  # fmt: skip
DEVICE_URL = Field("device_url", N_("Address for device codes"), required=False)
SCOPE = Field("scope", N_("Scope"), required=False)
FIELDS = (LOGIN, CLIENT_ID, CLIENT_SECRET, TOKEN_URL, DEVICE_URL, SCOPE)


def consent_of(values: Values) -> Consent | None:
    """The login by consent that was asked for; None: with a password.

    Raises:
        BadFields: something is missing for it.
    """
    if values["login"] == PASSWORD:
        return None
    known = KNOWN.get(values["login"], {})
    found = Consent(
        known.get("token_url") or values["token_url"],
        values["client_id"],
        known.get("device_url") or values["device_url"],
        values["client_secret"],
        scope=values["scope"] or known.get("scope", ""),
    )
    errors = {}
    if not found.client_id:
        errors["client_id"] = N_("Please fill this in.")
    for name, url in (("token_url", found.token_url), ("device_url", found.device_url)):
        if not url.startswith("https://"):
            errors[name] = N_("This must begin with https://.")
    if errors:
        raise BadFields(errors)
    return found
