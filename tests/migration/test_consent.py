"""Moving in with a login by consent: a real Dovecot asks a real authorization server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance import control
from tests.migration.authorization import Authorization
from tests.migration.old_server import SETTINGS, Old, copied, move, old_server, picture_here
from tests.support.box import Box, wait_until
from tests.support.mail import letter

_OAUTH = """
auth_failure_delay = 0
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {file}
}}
"""


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Old]:
    file = tmp_path / "oauth2.conf"
    with old_server(namespace=_OAUTH.format(file=file)) as running:
        yield running


@pytest.fixture
def authorization(old: Old, tmp_path: Path) -> Iterator[Authorization]:
    found = Authorization(old.authority)
    (tmp_path / "oauth2.conf").write_text(
        f"tokeninfo_url = {found.info}\nusername_attribute = email\n"
    )
    yield found
    found.close()


def test_consent_is_given_renewed_taken_back_and_given_again(
    old: Old, authorization: Authorization, tmp_path: Path
) -> None:
    user = authorization.user = old.provider.user("joe")
    old.provider.deliver(user, *(letter(f"m{n}", "a@b.test", "x@y.test") for n in range(5)))
    with Box(tmp_path / "box", settings=SETTINGS.format(ca=old.authority.file, more="")) as box:
        anna = box.person("anna")
        there = {"host": "localhost", "user": user, "port": old.provider.ports["imaps"]}
        number = control.ask(
            box.state, "move_add", account=anna.address, there=there, consent=authorization.consent
        )
        asked = move(box, number)["consent"]
        assert (asked["page"], asked["waits"]) == (f"{authorization.url}/go", True)
        authorization.agree(asked["code"])
        copied(box, number)
        assert picture_here(box, anna) == old.picture(user)
        assert authorization.refreshed == 1

        box.terminate()  # the refresh token that was good for one use has been replaced
        old.provider.deliver(user, letter("late", "a@b.test", "x@y.test"))
        box.start()
        wait_until(lambda: picture_here(box, anna) == old.picture(user), "it went on")
        assert authorization.refreshed >= 2

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
