"""Passkeys: made and shown by a real browser with a virtual authenticator."""

import json
from base64 import b64encode

import pytest

from tests.support.box import wait_until
from tests.web.browser import OWNER, OWNER_PASSWORD, Reader
from tests.web.chromium import chromium

pytestmark = pytest.mark.clients


def _authenticator(window):
    """A phone with a finger on it."""
    window.driver.execute_cdp_cmd("WebAuthn.enable", {})
    options = {
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": True,
        "hasUserVerification": True, "isUserVerified": True, "automaticPresenceSimulation": True,
    }  # fmt: skip
    made = window.driver.execute_cdp_cmd("WebAuthn.addVirtualAuthenticator", {"options": options})
    return made["authenticatorId"]


def _make(window, name, password=OWNER_PASSWORD):
    window.go("/me")
    window.press("A passkey")
    form = window.driver.find_element("css selector", "form[data-passkey=make]")
    form.find_element("name", "name").send_keys(name)
    form.find_element("name", "now").send_keys(password)
    window.press("Make a passkey")


def test_a_passkey_is_made_and_named_opens_the_page_and_is_removed(office):
    with chromium(office) as window:
        window.resize(1440)
        authenticator = _authenticator(window)
        window.log_in(OWNER, OWNER_PASSWORD)
        window.awaits("The lamps on the box now")
        _make(window, "Olga's phone", "not the password")
        window.awaits("Wrong user name or password.")
        _make(window, "Olga's phone")
        window.awaits("for localhost · not used yet")
        assert window.violations() == []
        window.press("Log out")
        window.awaits("Log in with a passkey")
        assert window.violations() == []
        window.shoot("login-passkey-1440-light")
        window.press("Log in with a passkey")
        window.awaits("The lamps on the box now")
        window.go("/me")
        window.awaits("last used")
        window.shoot("me-passkey-1440-light")
        _copied_authenticators_are_refused(window, office, authenticator)
        _removed_ones_open_nothing(window)


def _copied_authenticators_are_refused(window, office, authenticator):
    """One that counts less than before is a copy (WebAuthn §6.1.1)."""
    told = {"authenticatorId": authenticator}
    (credential,) = window.driver.execute_cdp_cmd("WebAuthn.getCredentials", told)["credentials"]
    window.driver.execute_cdp_cmd("WebAuthn.clearCredentials", told)
    copied = {**told, "credential": {**credential, "signCount": 0}}
    window.driver.execute_cdp_cmd("WebAuthn.addCredential", copied)
    window.press("Log out")
    window.press("Log in with a passkey")
    window.awaits("This passkey is not known here.")
    newer = {**told, "credential": {**credential, "signCount": 1000}}
    window.driver.execute_cdp_cmd("WebAuthn.clearCredentials", told)
    window.driver.execute_cdp_cmd("WebAuthn.addCredential", newer)
    window.press("Log in with a passkey")
    window.awaits("The lamps on the box now")


def _removed_ones_open_nothing(window):
    window.go("/me")
    for _ in range(2):  # the first opens the question whether one is sure
        wait_until(lambda: _press_in_passkeys(window), "it is pressed")
    window.awaits("Done.")
    window.press("Log out")
    window.press("Log in with a passkey")
    window.awaits("This passkey is not known here.")


def _press_in_passkeys(window):
    script = (
        "const f = document.querySelector('input[value=my_passkey_remove]').closest('details');"
        "if (!f.open) f.querySelector('summary').click(); else f.querySelector('button').click();"
        "return true"
    )
    return window.driver.execute_script(script)


def test_by_a_number_the_page_says_that_passkeys_need_a_name(office):
    reader = Reader(office)
    reader.log_in()
    page = reader.get("/me", Host=f"127.0.0.1:{office.port(443)}")
    assert page.says("A passkey is bound to a name, and this page was opened by a number.")
    assert 'data-passkey="make"' not in page.text
    port = office.port(443)
    said = {"Host": f"127.0.0.1:{port}", "Origin": f"https://127.0.0.1:{port}"}
    begun = reader.api("POST", "/me/passkeys/begin", {"now": OWNER_PASSWORD}, **said)
    assert begun.status == 409


@pytest.mark.parametrize(
    "credential",
    ["", "[]", "{}", '{"id":"x","rawId":"x","response":{}}', "{" * 5000,
     json.dumps({"id": "AA", "rawId": "AA", "type": "public-key", "response": {
         "clientDataJSON": b64encode(b"{}").decode(), "attestationObject": "oA"}})],
)  # fmt: skip
def test_what_is_no_answer_of_a_browser_is_refused(office, owner, credential):
    begun = owner.api("POST", "/me/passkeys/begin", {"now": OWNER_PASSWORD}).json
    body = {"token": begun["token"], "name": "x", "credential": credential}
    refused = owner.api("POST", "/me/passkeys", body)
    assert refused.status in {409, 422}
    again = owner.api("POST", "/me/passkeys", {**body, "credential": "{}"})
    assert again.status == 409, "a question is answered once"


@pytest.mark.parametrize("credential", [None, {}, [], {"id": "AA", "rawId": "AA", "response": {}}])
def test_nobody_gets_in_by_what_is_no_passkey(office, credential):
    reader = Reader(office)
    begun = reader.send("/login/passkey/begin", b"{}", "application/json").json
    body = json.dumps({"token": begun["token"], "credential": credential}).encode()
    assert reader.send("/login/passkey", body, "application/json").status in {401, 409}
    assert reader.get("/me").url.endswith("/login?next=/me")


def test_a_passkey_of_an_account_that_was_made_anew_opens_nothing(tmp_path):
    from appliance.accounts.database import AccountsDatabase
    from appliance.accounts.registry import Registry
    from appliance.web import passkeys, people

    database = AccountsDatabase(tmp_path)
    people.prepare(database)
    Registry(database, 1.0).add_domain("office.test")
    Registry(database, 1.0).add_account("eva@office.test", "long enough for us")
    first = passkeys.born(database, "eva@office.test")
    Registry(database, 2.0).remove_account("eva@office.test")
    assert passkeys.born(database, "eva@office.test") == 0.0
    Registry(database, 3.0).add_account("eva@office.test", "long enough for us")
    assert passkeys.born(database, "eva@office.test") not in {0.0, first}
    database.close()
