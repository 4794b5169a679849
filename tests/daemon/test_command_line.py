"""Every command as the README shows it: it takes effect at once, or says one sentence why not."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from appliance import __version__
from tests.support.box import PILLARBOX, ROOT, Box, Person
from tests.support.mail import letter, submit, wait_for_mail
from tests.support.sessions import doors_open_to, imap, rcpt

EVERYWHERE = {"imap", "pop3", "smtp"}
PASSWORD = "correct horse battery"


def assert_refused(done: subprocess.CompletedProcess[str], *, status: int = 1) -> str:
    """One sentence on standard error, nothing else, and the exit status."""
    assert done.returncode == status, done
    assert done.stdout == ""
    assert re.fullmatch(r"\S[^\n]*[a-z.)]\n", done.stderr), done.stderr
    return done.stderr


@pytest.fixture
def empty(tmp_path: Path) -> Box:
    """A state on which no daemon ever ran and nobody lives."""
    return Box(tmp_path / "empty")


def test_a_new_account_can_log_in_at_once(own_box: Box) -> None:
    box = own_box  # refused logins make the next ones slow
    eve = Person("eve@office.test", PASSWORD)
    assert doors_open_to(box, eve) == set()
    told = box.run_program(
        "account",
        "add",
        eve.address,
        "--name",
        "Eve",
        "--quota",
        "2G",
        "--password-stdin",
        stdin=f"{PASSWORD}\n",
    )
    assert (told.returncode, told.stdout, told.stderr) == (0, "", "")
    assert doors_open_to(box, eve) == EVERYWHERE
    assert "eve@office.test" in box.cli("account", "list")
    (row,) = [
        row
        for row in json.loads(box.cli("account", "list", "--json"))
        if row["address"] == eve.address
    ]
    assert row == {"address": eve.address, "name": "Eve", "quota": 2 << 30, "app_passwords": 0}
    with imap(box, eve) as client:
        assert b"(STORAGE 0 2097152)" in client.getquotaroot("INBOX")[1][1][0]


def test_a_removed_account_is_refused_at_once_and_its_mail_stays(own_box: Box) -> None:
    box = own_box  # refused logins make the next ones slow
    leaver = box.person("leaver")
    submit(box, box.account("anna"), [leaver.address], letter("one", "a@b.test", leaver.address))
    wait_for_mail(box, leaver, 1)
    assert rcpt(box, leaver.address) == 250
    with imap(box, leaver) as client:
        assert client.select()[0] == "OK"
        assert box.cli("account", "remove", leaver.address) == ""
        assert doors_open_to(box, leaver) == set()
        assert rcpt(box, leaver.address) == 550
    assert len([*box.maildir(leaver).glob("*/*,U=1*")]) == 1


def test_a_new_password_is_asked_for_at_once(own_box: Box) -> None:
    box = own_box  # refused logins make the next ones slow
    someone = box.person("someone")
    assert doors_open_to(box, someone) == EVERYWHERE
    box.cli("account", "password", someone.address, "--password-stdin", stdin="a new one, long\n")
    assert doors_open_to(box, someone) == set()
    assert doors_open_to(box, Person(someone.address, "a new one, long")) == EVERYWHERE


def test_a_new_quota_holds_at_once(box: Box) -> None:
    someone = box.person("someone")
    box.cli("account", "quota", someone.address, "1K")
    with imap(box, someone) as client:
        kind, told = client.append("INBOX", "", "", b"Subject: x\r\n\r\n" + b"x" * 2000)
        assert kind == "NO"
        assert b"[OVERQUOTA]" in told[0]
        box.cli("account", "quota", someone.address, "0")
        assert client.append("INBOX", "", "", b"Subject: x\r\n\r\n" + b"x" * 2000)[0] == "OK"


def test_an_app_password_opens_only_its_doors_and_is_refused_once_revoked(own_box: Box) -> None:
    box = own_box  # refused logins make the next ones slow
    someone = box.person("someone")
    add = ("account", "app-password", "add", someone.address)
    password = box.cli(*add, "phone", "--for", "imap,smtp").strip()
    phone = Person(someone.address, password)
    assert doors_open_to(box, phone) == {"imap", "smtp"}
    assert doors_open_to(box, someone) == EVERYWHERE
    show = ("account", "app-password", "list", someone.address)
    (row,) = json.loads(box.cli(*show, "--json"))
    assert (row["name"], row["services"]) == ("phone", ["imap", "smtp"])
    assert row["last_used"] > 0
    assert row["last_peer"] == "127.0.0.1"
    assert re.match(r"phone  imap,smtp  \d{4}-\d\d-\d\d [\d:]+  127\.0\.0\.1\n", box.cli(*show))
    assert box.cli("account", "app-password", "revoke", someone.address, "phone") == ""
    assert doors_open_to(box, phone) == set()
    assert box.cli(*show) == ""


def test_an_alias_works_at_once_and_no_longer_when_removed(box: Box) -> None:
    one, two = box.person("one"), box.person("two")
    assert rcpt(box, "info@office.test") == 550
    assert box.cli("alias", "add", "info@office.test", one.address, two.address) == ""
    submit(box, box.account("anna"), ["info@office.test"], letter("x", "anna@office.test", "info"))
    wait_for_mail(box, one, 1)
    wait_for_mail(box, two, 1)
    assert f"info@office.test  {one.address} {two.address}\n" in box.cli("alias", "list")
    told = json.loads(box.cli("alias", "list", "--json"))
    assert told["info@office.test"] == [one.address, two.address]
    assert box.cli("alias", "remove", "info@office.test") == ""
    assert rcpt(box, "info@office.test") == 550


def test_domain_and_catch_all_take_effect_at_once(box: Box) -> None:
    one = box.person("one")
    assert rcpt(box, "anybody@shop.test") == 550
    assert box.cli("domain", "add", "shop.test") == ""
    assert rcpt(box, "anybody@shop.test") == 550
    assert box.cli("alias", "add", "@shop.test", one.address) == ""
    assert rcpt(box, "anybody@shop.test") == 250
    assert "shop.test\n" in box.cli("domain", "list")
    assert "shop.test" in json.loads(box.cli("domain", "list", "--json"))
    assert box.cli("domain", "remove", "shop.test") == ""
    assert rcpt(box, "anybody@shop.test") == 550


def test_a_domain_shared_with_its_provider_is_told_apart(box: Box) -> None:
    box.cli("domain", "add", "provider.test", "--shared")
    assert "provider.test (shared with its provider)\n" in box.cli("domain", "list")
    assert rcpt(box, "anybody@provider.test") == 550
    refused = box.try_cli("domain", "dns", "provider.test")
    assert refused.returncode == 1
    box.cli("domain", "remove", "provider.test")


def test_a_relay_that_does_not_answer_is_told(box: Box) -> None:
    secret = "a secret\n"
    where = ("127.0.0.1", "--port", "9", "--user", "x", "--password-stdin")
    box.cli("relay", "add", "dead", *where, stdin=secret)
    refused = box.try_cli("relay", "try", "dead")
    assert refused.stderr == "127.0.0.1 does not answer.\n"
    box.cli("relay", "remove", "dead")
    assert box.try_cli("relay", "try", "dead").stderr == "There is no relay dead.\n"


def test_status_tells_how_the_box_is(box: Box) -> None:
    text = box.cli("status")
    assert text.startswith(f"Pillarbox {__version__} on ")
    assert "All is well." in text
    told = json.loads(box.cli("status", "--json"))
    assert told["version"] == __version__
    assert told["accounts"] >= 2
    assert told["conditions"] == []
    assert 10 << 20 < told["memory_octets"] < 300 << 20


def test_the_simulated_lamps_and_the_button(box: Box) -> None:
    assert re.match(r"status  green +steady", box.cli("sim", "leds")), box.cli("sim", "leds")
    assert json.loads(box.cli("sim", "leds", "--json"))["status"]["color"] == "green"
    assert box.cli("sim", "press", "--seconds", "0.5") == ""


def test_a_simulated_drive_is_plugged_in_and_pulled(box: Box, tmp_path: Path) -> None:
    assert box.cli("sim", "plug", str(tmp_path)) == ""
    assert box.cli("sim", "unplug", str(tmp_path)) == ""


def test_index_check_is_content_while_people_work(box: Box) -> None:
    someone = box.person("someone")
    with imap(box, someone) as client:
        client.append("INBOX", "", "", letter("one", "a@b.test", someone.address))
        client.select()
        client.store("1", "+FLAGS", r"(\Seen)")
        told = box.cli("index", "check", someone.address)
    assert told.splitlines()[-1] == "Every index agrees with its mailbox."


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("domain", "list"), ""),
        (("domain", "list", "--json"), "[]\n"),
        (("account", "list"), ""),
        (("account", "list", "--json"), "[]\n"),
        (("alias", "list"), ""),
        (("alias", "list", "--json"), "{}\n"),
        (("queue", "list"), "Nothing waits.\n"),
        (("queue", "list", "--json"), "[]\n"),
        (("index", "check"), "Every index agrees with its mailbox.\n"),
        (("index", "rebuild"), ""),
    ],
)
def test_commands_on_an_empty_state(empty: Box, arguments: tuple[str, ...], expected: str) -> None:
    assert empty.cli(*arguments) == expected


@pytest.mark.parametrize(
    "arguments",
    [
        ("status",),
        ("queue", "retry"),
        ("queue", "delete", "Q1"),
        ("sim", "leds"),
        ("sim", "press"),
    ],
)
def test_what_needs_the_daemon_says_so(empty: Box, arguments: tuple[str, ...]) -> None:
    sentence = assert_refused(empty.try_cli(*arguments))
    assert sentence == "The appliance does not run; start it first (pillarbox run).\n"


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("domain", "add", "office test"), "office test"),
        (("domain", "add", "office.test"), "office.test is there already"),
        (("domain", "remove", "nowhere.test"), "nowhere.test"),
        (("domain", "remove", "office.test"), "still has accounts"),
        (("account", "remove", "nobody@office.test"), "nobody@office.test"),
        (("account", "quota", "nobody@office.test", "1G"), "nobody@office.test"),
        (("account", "app-password", "add", "nobody@office.test", "phone"), "nobody@office.test"),
        (("account", "app-password", "add", "anna@office.test", "phone", "--for", "fax"), "imap"),
        (("account", "app-password", "add", "anna@office.test", " "), "name"),
        (("account", "app-password", "revoke", "anna@office.test", "fax"), "fax"),
        (("account", "app-password", "list", "nobody@office.test"), "nobody@office.test"),
        (("alias", "add", "anna@office.test", "ben@office.test"), "is an account"),
        (("alias", "add", "info@elsewhere.test", "ben@office.test"), "elsewhere.test"),
        (("alias", "add", "info@office.test", "info@office.test"), "own target"),
        (("alias", "add", "info@office.test", "ben"), "ben"),
        (("alias", "remove", "none@office.test"), "none@office.test"),
        (("queue", "show", "Qnothere"), "Qnothere"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(
    box: Box, arguments: tuple[str, ...], word: str
) -> None:
    assert word in assert_refused(box.try_cli(*arguments))


@pytest.mark.parametrize("password", ["", "\n", "short\n"])
def test_a_password_that_will_not_do_is_refused(box: Box, password: str) -> None:
    add = ("account", "add", "new@office.test", "--password-stdin")
    assert "assword" in assert_refused(box.try_cli(*add, stdin=password))
    assert "new@office.test" not in box.cli("account", "list")


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("fly",),
        ("domain",),
        ("domain", "add"),
        ("domain", "add", "a.test", "b.test"),
        ("account", "add", "eve@office.test"),
        ("account", "quota", "anna@office.test", "much"),
        ("queue", "list", "--yaml"),
        ("sim", "press", "--seconds", "long"),
        ("run", "--port-base", "high"),
    ],
)
def test_wrong_arguments_get_one_sentence_and_status_2(
    empty: Box, arguments: tuple[str, ...]
) -> None:
    assert "--help" in assert_refused(empty.try_cli(*arguments), status=2)


def test_a_port_base_out_of_range_is_refused(empty: Box) -> None:
    assert "--port-base" in assert_refused(empty.try_cli("run", "--port-base", "65000"))


def test_the_program_tells_its_version_and_help(empty: Box) -> None:
    assert empty.run_program("--version").stdout == f"pillarbox {__version__}\n"
    told = empty.run_program("--help").stdout
    for command in ("run", "status", "domain", "account", "alias", "queue", "index", "sim"):
        assert re.search(rf"(?m)^ +{command} +\S", told), command


def test_a_state_that_is_no_folder_is_refused_with_a_sentence(tmp_path: Path) -> None:
    box = Box(tmp_path / "box")
    shutil.rmtree(box.state)
    box.state.write_text("not a folder")
    for arguments in (("run",), ("domain", "list"), ("account", "list"), ("status",)):
        assert_refused(box.run_program(*arguments))


def test_damaged_accounts_are_refused_with_a_sentence(tmp_path: Path) -> None:
    with Box(tmp_path / "box") as box:
        box.terminate()
        (database,) = [p for p in box.state.iterdir() if p.suffix in {".db", ".sqlite", ".sqlite3"}]
        for left in box.state.glob(f"{database.name}-*"):
            left.unlink()
        database.write_bytes(b"this is no database, but it is long enough to be looked at" * 100)
        assert_refused(box.run_program("account", "list"))
        process = box.launch()
        assert process.wait(20) == 1
        assert "Traceback" not in box.log_of_this_run()


def test_who_has_read_enough_hears_no_complaint(box: Box) -> None:
    reader, writer = os.pipe()
    os.close(reader)  # as `head` does when it has its lines
    done = subprocess.run(
        [*PILLARBOX, "--state", str(box.state), "status"],
        stdout=writer, stderr=subprocess.PIPE, timeout=30, cwd=ROOT, check=False,
    )  # fmt: skip
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")
