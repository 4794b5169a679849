"""A settings file that somebody broke by hand: the box goes on by what worked, and says so."""

from __future__ import annotations

import imaplib
import json
import smtplib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from appliance import lastgood
from appliance.accounts.database import AccountsDatabase
from appliance.settings import Settings
from appliance.web import settings_history
from tests.support.box import Box
from tests.web.browser import Reader, make_owner

BROKEN = [
    ("[smtp]\n\nlargest_message_mib = 0\n", "line 3: smtp.largest_message_mib must be between"),
    ("[server]\nlog_level = 3\n", 'line 2: server.log_level must be a text in "quotes", not 3'),
    ("[imap]\nspeed = 1\n", "line 2: imap.speed is not a setting (there are "),
    ("\n[web]\n", "line 2: there is no section 'web' (there are "),
    ("[smtp\n", "is not TOML: Expected ']'"),
    ('[dns]\nservers = "nobody"\n', "line 2: dns.servers: 'nobody' is no address"),
    ('[server]\nproxies = "here"\n', "line 2: server.proxies: 'here' is no address of a proxy."),
    ('[fetch]\nca_file = "/nowhere"\n', "line 2: fetch.ca_file: There is no such file"),
]
GOOD = "[smtp]\nlargest_message_mib = 7\n[imap]\nconnections = 31\n"


def write(state: Path, text: str) -> None:
    state.mkdir(exist_ok=True)
    (state / "settings.toml").write_text(text)


@pytest.mark.parametrize(("text", "sentence"), BROKEN)
def test_what_is_wrong_is_said_with_line_and_field_and_what_worked_is_in_force(
    tmp_path: Path, text: str, sentence: str
) -> None:
    settings_history.keep_good(tmp_path, GOOD)
    write(tmp_path, text)
    loaded = lastgood.load(tmp_path)
    assert loaded.complaint.startswith("settings.toml")
    assert sentence in loaded.complaint
    assert (loaded.tree.smtp.largest_message_mib, loaded.tree.imap.connections) == (7, 31)
    assert loaded.instead == "The box goes by the settings that worked last."
    assert (tmp_path / "settings.toml").read_text() == text


def test_a_file_that_can_be_used_is_in_force(tmp_path: Path) -> None:
    assert lastgood.load(tmp_path) == lastgood.Loaded(Settings(), "")
    settings_history.keep_good(tmp_path, "[smtp]\nlargest_message_mib = 9\n")
    write(tmp_path, GOOD)
    loaded = lastgood.load(tmp_path)
    assert (loaded.tree.smtp.largest_message_mib, loaded.complaint, loaded.text) == (7, "", GOOD)


def test_a_box_of_an_earlier_version_goes_by_what_was_saved_on_the_page(tmp_path: Path) -> None:
    write(tmp_path, "")
    with closing(AccountsDatabase(tmp_path)) as database:
        settings_history.prepare(database)
        settings_history.save(database, tmp_path, lambda _: GOOD, ("olga", ""), 1.0)
    write(tmp_path, "[smtp")
    loaded = lastgood.load(tmp_path)
    assert loaded.tree.smtp.largest_message_mib == 7
    assert loaded.instead == "The box goes by the settings that were saved last."


def test_without_any_earlier_text_each_line_that_can_be_used_is(tmp_path: Path) -> None:
    lines = [
        "smtp.connections = 55",
        "[imap]",
        "connections = 12 # few",
        "speed = 1",
        "autologout_minutes = 'soon'",
        "[smtp",
        "largest_message_mib = 400",
        "[filters]",
        'dmarc = "mark"',
        '[dns]\nservers = "nobody"',
        "[nothing]\nport = 1\n[trace]\ndays = 33",
        "\udcff = 3",
    ]
    state = tmp_path / "state"
    state.mkdir()
    content = "\n".join(lines).encode("utf-8", "surrogateescape")
    (state / "settings.toml").write_bytes(content)
    tree = lastgood.load(state).tree
    usual = Settings()
    assert (tree.smtp.connections, tree.imap.connections, tree.trace.days) == (55, 12, 33)
    assert tree.filters.dmarc == "mark"
    assert tree.smtp.largest_message_mib == usual.smtp.largest_message_mib
    assert tree.imap.autologout_minutes == usual.imap.autologout_minutes
    assert tree.dns == usual.dns
    assert "cannot be read" in lastgood.load(state).complaint


# --- a box


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    with Box(tmp_path_factory.mktemp("tuned"), settings=GOOD) as running:
        make_owner(running)
        yield running


def break_it(box: Box, text: bytes) -> None:
    box.terminate()
    (box.state / "settings.toml").write_bytes(text)
    box.start()


def largest(box: Box) -> int:
    with smtplib.SMTP("localhost", box.port(25), timeout=20) as client:
        client.ehlo()
        return int(client.esmtp_features["size"]) >> 20


def complaint(box: Box) -> str:
    standing = json.loads(box.cli("status", "--json"))["conditions"]
    return next((each["sentence"] for each in standing if each["key"] == "settings"), "")


def test_mail_and_page_are_there_and_one_click_brings_back_what_worked(tuned: Box) -> None:
    assert complaint(tuned) == ""
    text = b"[smtp]\nlargest_message_mib = seven # as Joe said\n"
    break_it(tuned, text)
    said = "settings.toml is not TOML: Invalid value (at line 2, column 23). "
    said += "The box goes by the settings that worked last."
    assert complaint(tuned) == said
    assert said in tuned.log_of_this_run()
    assert largest(tuned) == 7
    with imaplib.IMAP4("localhost", tuned.port(143)) as client:
        assert client.noop()[0] == "OK"

    owner = Reader(tuned)
    assert owner.log_in().status == 200
    assert owner.get("/").says(said)
    page = owner.get("/settings")
    assert page.says("Invalid value (at line 2, column 23)")
    assert page.says("It could not be used; its text is kept")
    assert owner.get("/settings/smtp").says("Bring back what worked"), "it leads to the way out"
    assert owner.do("/settings", "settings_back", number="0").says("Done.")
    assert (tuned.state / "settings.toml").read_text() == GOOD
    assert complaint(tuned) == ""
    history = json.loads(tuned.cli("settings", "history", "--json"))
    (broken,) = [each["number"] for each in history if not each["is_usable"]]
    assert tuned.cli("settings", "text", str(broken)) == text.decode()


def test_a_file_that_is_no_text_is_kept_as_well_and_the_command_line_goes_back(
    tuned: Box,
) -> None:
    break_it(tuned, b"[smtp]\noffice = '\xe4'\n")
    assert "settings.toml cannot be read" in complaint(tuned)
    assert largest(tuned) == 7
    assert tuned.cli("account", "list"), "the command line goes by them too"
    tuned.cli("settings", "back")
    assert (tuned.state / "settings.toml").read_text() == GOOD
    assert complaint(tuned) == ""
    number = json.loads(tuned.cli("settings", "history", "--json"))[1]["number"]
    assert "office = '\\xe4'" in tuned.cli("settings", "text", str(number))


def test_mending_the_file_by_hand_is_enough(tuned: Box) -> None:
    break_it(tuned, b"[imap]\nspeed = 3\n")
    assert "imap.speed is not a setting" in complaint(tuned)
    tuned.write_settings(GOOD.replace("7", "8"))
    tuned.cli("settings", "apply")
    assert complaint(tuned) == ""
    assert largest(tuned) == 8
    assert settings_history.good(tuned.state) == GOOD.replace("7", "8")
