"""The page in the reader's language."""

import pytest

from appliance.web import language
from tests.web.browser import Reader


def test_a_german_browser_reads_german(office):
    reader = Reader(office, language="de-AT,de;q=0.9,en;q=0.5")
    door = reader.get("/login")
    assert '<html lang="de"' in door.text
    assert door.says("Anmelden")
    assert reader.log_in("hanna", "wrong").headers["Content-Language"] == "de"
    reader.log_in()
    home = reader.get("/")
    assert home.says("Die Lampen an der Box jetzt")
    assert reader.do("/people", "domain_add", domain="").says("Bitte füllen Sie das aus.")


def test_who_chose_a_language_keeps_it(office):
    reader = Reader(office, language="fr")
    assert '<html lang="en"' in reader.get("/login").text
    chosen = reader.post("/language", {"language": "de", "then": "/login"})
    assert chosen.says("Passwort")
    assert reader.get("/login").says("Passwort")


@pytest.mark.parametrize(
    ("accepted", "code"),
    [
        ("", "en"),
        ("de", "de"),
        ("fr,de;q=0.8,en;q=0.9", "en"),
        ("de;q=0, en", "en"),
        ("xx;q=oops, de", "de"),
        ("*", "en"),
        ("d" * 10_000, "en"),
    ],
)
def test_the_best_that_is_accepted_is_chosen(accepted, code):
    assert language.choose("", accepted).code == code
