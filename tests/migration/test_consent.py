"""A login by consent: a real Dovecot asks a small but real authorization server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from appliance import control
from tests.migration.authorization import Authorization
from tests.migration.old_server import SETTINGS, Old, copied, move, old_server, picture_here
from tests.support.box import Box, wait_until
from tests.support.mail import letter, stored_messages
from tests.web.browser import Reader, make_owner

_OAUTH = """
auth_failure_delay = 0
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {file}
}}
"""


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Old]:
    file = tmp_path_factory.mktemp("oauth") / "oauth2.conf"
    with old_server(namespace=_OAUTH.format(file=file)) as running:
        found = running.authorization = Authorization(running.authority)
        file.write_text(f"tokeninfo_url = {found.info}\nusername_attribute = email\n")
        yield running
        found.close()


@pytest.fixture(scope="module")
def box(old: Old, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    settings = SETTINGS.format(ca=old.authority.file, more="")
    with Box(tmp_path_factory.mktemp("box"), settings=settings) as running:
        make_owner(running)
        yield running


def test_a_mailbox_is_collected_after_consent_was_given_on_the_page(old: Old, box: Box) -> None:
    authorization, anna = old.authorization, box.person("anna")
    user = authorization.user = old.provider.user("collected")
    old.provider.deliver(user, letter("waits", "a@b.test", "x@y.test"))
    reader = Reader(box)
    assert reader.log_in().status == 200
    consent = authorization.consent
    page = reader.do(
        "/flow", "source_add", name="provider", host="localhost", user=user, to=anna.address,
        port=str(old.provider.ports["imaps"]), login="other", client_id=consent["client_id"],
        token_url=consent["token_url"], device_url=consent["device_url"], scope="mail",
    )  # fmt: skip
    assert page.says("type the code")
    (source,) = reader.api("GET", "/sources").json
    assert source["waits_for_consent"]
    authorization.agree(source["consent"]["code"])
    wait_until(lambda: len(stored_messages(box, anna)) == 1, "it was collected")
    assert not reader.api("GET", "/sources").json[0]["waits_for_consent"]


def test_consent_is_given_renewed_taken_back_and_given_again(old: Old, box: Box) -> None:
    authorization, anna = old.authorization, box.person("anna")
    user = authorization.user = old.provider.user("joe")
    old.provider.deliver(user, *(letter(f"m{n}", "a@b.test", "x@y.test") for n in range(5)))
    before = authorization.refreshed
    there = {"host": "localhost", "user": user, "port": old.provider.ports["imaps"]}
    number = control.ask(
        box.state, "move_add", account=anna.address, there=there, consent=authorization.consent
    )
    asked = move(box, number)["consent"]
    assert (asked["page"], asked["waits"]) == (f"{authorization.url}/go", True)
    authorization.agree(asked["code"])
    copied(box, number)
    assert picture_here(box, anna) == old.picture(user)
    assert authorization.refreshed == before + 1

    box.terminate()  # the refresh token that was good for one use has been replaced
    old.provider.deliver(user, letter("late", "a@b.test", "x@y.test"))
    box.start()
    wait_until(lambda: picture_here(box, anna) == old.picture(user), "it went on")
    assert authorization.refreshed >= before + 2

    authorization.take_back()
    box.terminate()
    box.start()
    wait_until(lambda: "gives no access any more" in move(box, number)["trouble"], "it is told")
    (said,) = [each for each in control.ask(box.state, "status")["conditions"]
               if each["key"] == f"move-in-{number}"]  # fmt: skip
    assert "give consent once more" in said["remedy"]
    control.ask(box.state, "move_consent", number=number)
    authorization.agree(move(box, number)["consent"]["code"])
    wait_until(lambda: move(box, number)["trouble"] == "", "it goes on")
    box.cli("move-in", "end", str(number))
    assert move(box, number)["by"] == "password", "nothing of the consent is kept"


def test_nothing_is_kept_of_what_cannot_ask_for_consent(old: Old, box: Box) -> None:
    reader = Reader(box)
    assert reader.log_in().status == 200
    login = {"login": "other", "client_id": "x", "token_url": "https://localhost:1/token",
             "device_url": "https://localhost:1/device"}  # fmt: skip
    there = {"host": "localhost", "user": "joe"}
    before = reader.api("GET", "/moves").json, reader.api("GET", "/sources").json
    for path, more in (("/moves", {"address": box.address("anna")}),
                       ("/sources", {"name": "nowhere", "to": box.address("anna")})):  # fmt: skip
        answer = reader.api("POST", path, there | login | more)
        assert answer.status == 422, answer.text
        assert "could not be asked for consent" in answer.json["fields"]["client_id"]
        missing = reader.api("POST", path, there | login | more | {"device_url": "http://x"})
        assert missing.json["fields"] == {"device_url": "This must begin with https://."}
    assert before == (reader.api("GET", "/moves").json, reader.api("GET", "/sources").json)
