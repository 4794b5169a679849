"""A person leaves: what the page and the API do, one after the other, and undo."""

import contextlib
import imaplib
import io
import time
import zipfile

import pytest

from appliance import control
from appliance.accounts.database import AccountsDatabase
from appliance.accounts.handovers import HandOver, HandOvers
from tests.support.box import Box, Person, wait_until
from tests.support.sessions import imap, pop3, rcpt
from tests.web.browser import Reader, make_owner


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    """A box of their own: many come and go here."""
    with Box(tmp_path_factory.mktemp("leaving")) as running:
        make_owner(running)
        make_owner(running, "hanna", "--helper", password="a helper's password")
        yield running


@pytest.fixture
def leaver(office):
    person = office.person("leaver")
    with imap(office, person) as mail:
        mail.create("Projects")
        for number in range(3):
            mail.append("Projects", r"(\Seen)", None, f"Subject: p{number}\r\n\r\nx\r\n".encode())
        mail.append("INBOX", None, None, b"Subject: in\r\n\r\nx\r\n")
    return person


def as_person(office, person):
    reader = Reader(office)
    return reader, reader.log_in(person.address, person.password)


def pressed(office, owner, page, act, **typed):
    """What wants a press of the button gets it."""
    first = owner.do(page, act, **typed)
    assert "Press the button" in first.text
    office.cli("sim", "press")
    return owner.do(page, act, **typed)


def test_a_locked_account_opens_no_door(office, owner, leaver):
    reader, entered = as_person(office, leaver)
    assert entered.status == 200
    page = f"/people/{leaver.address}"
    assert owner.do(page, "account_lock", address=leaver.address).status == 200
    assert reader.api("GET", "/me").status == 401
    with pytest.raises(imaplib.IMAP4.error), imap(office, leaver):
        pytest.fail("inside")
    _, same = as_person(office, leaver)
    assert "Wrong user name or password." in same.text
    assert "Locked: nobody gets in with it." in owner.get(page).text
    assert rcpt(office, leaver.address) == 250
    owner.do(page, "account_unlock", address=leaver.address)
    with imap(office, leaver):
        pass


def test_who_is_inside_is_sent_away(office, owner, leaver):
    with pytest.raises(imaplib.IMAP4.error), imap(office, leaver) as mail:
        mail.select("INBOX")
        owner.api("POST", f"/accounts/{leaver.address}/lock", {})
        end = time.monotonic() + 8
        while time.monotonic() < end:
            mail.noop()
            time.sleep(0.05)
        pytest.fail("still inside")


def test_mail_may_be_refused_in_clear_words(office, owner, leaver):
    owner.api("POST", f"/accounts/{leaver.address}/lock", {"refuses_mail": True})
    assert rcpt(office, leaver.address) == 550
    owner.api("DELETE", f"/accounts/{leaver.address}/lock")
    assert rcpt(office, leaver.address) == 250


def test_nobody_locks_themselves_and_a_helper_locks_nobody(office, owner, helper, leaver):
    assert helper.api("POST", f"/accounts/{leaver.address}/lock", {}).status == 403
    assert "Leaving" not in helper.get(f"/people/{leaver.address}").text
    person = office.person("boss")
    owner.do(f"/people/{person.address}", "role_set", address=person.address, role="owner")
    office.cli("sim", "press")
    owner.do(f"/people/{person.address}", "role_set", address=person.address, role="owner")
    boss, entered = as_person(office, person)
    assert entered.status == 200
    done = boss.api("POST", f"/accounts/{person.address}/lock", {})
    assert "somebody else has to lock it" in done.text


def test_mail_is_handed_over_once_with_its_flags_and_only_what_is_new_again(office, owner, leaver):
    colleague = office.person("colleague")
    page = f"/people/{leaver.address}"
    owner.do(page, "account_lock", address=leaver.address)
    typed = {"address": leaver.address, "to": colleague.address}
    pressed(office, owner, page, "hand_over", **typed)
    wait_until(lambda: "messages are with" in owner.get(page).text, "it is handed over")
    with imap(office, colleague) as mail:
        assert mail.select(f'"{leaver.address}/Projects"')[1] == [b"3"]
        assert b"\\Seen" in mail.fetch("1", "(FLAGS)")[1][0]
        assert mail.select(f'"{leaver.address}/Inbox"')[1] >= [b"1"]  # a letter may be there too
        there = office.maildir(colleague).glob(".*Projects/cur/*")
        assert all(path.stat().st_nlink > 1 for path in there)
        mail.select(f'"{leaver.address}/Projects"')
        mail.store("1", "+FLAGS", r"\Deleted")
        mail.expunge()
    wait_until(lambda: [*office.maildir(colleague).glob("new/*")], "the colleague is told")
    again = {"to": colleague.address, "folders": ["Projects"]}
    owner.api("POST", f"/accounts/{leaver.address}/hand-over", again)
    office.cli("sim", "press")
    assert owner.api("POST", f"/accounts/{leaver.address}/hand-over", again).status < 300
    wait_until(
        lambda: owner.api("GET", f"/accounts/{leaver.address}/hand-over").json["sentence"]
        .startswith("0 messages"),
        "nothing was new",
    )  # fmt: skip
    with imap(office, colleague) as mail:  # what the colleague deleted stays deleted
        assert mail.select(f'"{leaver.address}/Projects"')[1] == [b"2"]
    assert owner.get("/changes").says("mail over to a colleague")


def test_a_mailbox_without_room_says_so_and_gets_nothing(office, owner, leaver):
    colleague = office.person("small", quota=40)
    done = office.try_cli("account", "hand-over", leaver.address, colleague.address)
    assert done.returncode != 0
    assert "Choose fewer folders, or allow more." in done.stderr
    assert not [*office.maildir(colleague).glob(".*Projects")]


def test_an_account_that_is_kept_cannot_be_removed(office, owner, leaver):
    page = f"/people/{leaver.address}"
    owner.do(page, "account_keep", address=leaver.address, until="2099-12-31")
    assert "Kept until 2099-12-31." in owner.get(page).text
    owner.do(page, "role_set", address=leaver.address, role="helper")
    office.cli("sim", "press")
    owner.do(page, "role_set", address=leaver.address, role="helper")
    refused = owner.api("DELETE", f"/accounts/{leaver.address}")
    assert owner.api("GET", f"/accounts/{leaver.address}").json["role"] == "helper"
    assert "It is kept until 2099-12-31" in refused.json["error"]
    assert "kept until" in office.try_cli("account", "remove", leaver.address).stderr
    wrong = owner.do(page, "account_keep", address=leaver.address, until="2020-01-01")
    assert "This day is over already." in wrong.text
    owner.do(page, "account_keep", address=leaver.address)
    assert owner.api("DELETE", f"/accounts/{leaver.address}").status < 300


def test_an_owner_passes_mail_on_with_a_press_of_the_button(office, owner, leaver):
    colleague = office.person("colleague")
    typed = {"address": leaver.address, "to": colleague.address, "keep": "on"}
    pressed(office, owner, f"/people/{leaver.address}", "forward_set", **typed)
    assert f"passed on to {colleague.address}" in owner.get(f"/people/{leaver.address}").text
    wait_until(lambda: [*office.maildir(leaver).glob("new/*")], "the person is told")


def test_the_command_line_does_the_same(office, leaver):
    colleague = office.person("colleague")
    office.cli("account", "lock", leaver.address, "--refuse-mail")
    assert rcpt(office, leaver.address) == 550
    assert "4 messages are with" in office.cli(
        "account", "hand-over", leaver.address, colleague.address
    )
    office.cli("account", "keep", leaver.address, "2099-12-31", "--remove")
    assert "locked, kept until 2099-12-31" in office.cli("account", "list")
    office.cli("account", "unlock", leaver.address)
    assert office.try_cli("account", "remove", leaver.address).returncode != 0
    office.cli("account", "keep", leaver.address)
    office.cli("account", "remove", leaver.address)


def test_under_hold_what_is_deleted_is_kept_until_the_hold_is_ended(office, owner, leaver):
    page, where = f"/people/{leaver.address}", f"/accounts/{leaver.address}"
    owner.do(page, "hold_begin", address=leaver.address)
    assert "Under hold" in owner.get(page).text
    with imap(office, leaver) as mail:
        mail.select("Projects")
        mail.store("1:3", "+FLAGS", r"\Deleted")
        mail.expunge()
        mail.select("INBOX")
        mail.delete("Projects")
        assert b"Projects" not in b" ".join(mail.list()[1])
    with pop3(office, leaver) as mail:
        mail.dele(1)
    wait_until(lambda: owner.get(page).says("4 deleted mails are held."), "all are held")
    assert "hold" in owner.api("DELETE", where).json["error"]
    assert owner.get(f"{page}/held.zip").says("Ask for it first")
    pressed(office, owner, page, "held_export", address=leaver.address)
    with zipfile.ZipFile(io.BytesIO(owner.get_bytes(f"{page}/held.zip"))) as archive:
        assert archive.read("Mail/Projects").count(b"Subject: p") == 3
        assert archive.read("Mail/Inbox").count(b"Subject: in") == 1
    control.ask(office.state, "leavers_look")
    assert owner.get(page).says("4 deleted mails are held.")
    pressed(office, owner, page, "hold_end", address=leaver.address)
    control.ask(office.state, "leavers_look")
    assert not (office.mail / "held" / leaver.address).exists()


def test_a_hold_outlives_a_kill(office, leaver):
    office.cli("account", "hold", leaver.address)
    office.kill()
    office.start()
    with imap(office, leaver) as mail:
        mail.select("INBOX")
        mail.store("1", "+FLAGS", r"\Deleted")
        mail.expunge()
    assert len([*(office.mail / "held" / leaver.address).glob("cur/*")]) == 1
    office.cli("account", "hold", leaver.address, "--end")


def test_who_was_to_be_removed_is_removed_on_the_day_and_the_owner_is_told(office, owner, leaver):
    """The day is over: as it stands in the database then."""
    office.cli("account", "lock", leaver.address)
    office.cli("account", "keep", leaver.address, "2099-12-31", "--remove")
    with contextlib.closing(AccountsDatabase(office.state)) as database, database.change() as db:
        db.execute("update partings set keep_until = '2020-01-01' where keep_until <> ''")
    control.ask(office.state, "people_changed")
    reader = office.account("anna")
    before = len([*office.maildir(reader).glob("new/*")])
    control.ask(office.state, "leavers_look")
    assert owner.api("GET", f"/accounts/{leaver.address}").status == 404
    wait_until(lambda: len([*office.maildir(reader).glob("new/*")]) > before, "the owner is told")
    assert [*office.maildir(leaver).glob("cur/*")] or [*office.maildir(leaver).glob(".Projects")]


def test_who_came_in_by_a_password_that_is_none_any_more_is_sent_away(office, owner, leaver):
    """A lost device is locked out at once, and the others stay."""
    made = office.cli("account", "app-password", "add", leaver.address, "lost").strip()
    lost = Person(leaver.address, made)
    with pytest.raises(imaplib.IMAP4.error), imap(office, lost) as it:
        it.noop()
        office.cli("account", "app-password", "revoke", leaver.address, "lost")
        wait_until(lambda: it.noop() is None, "it is outside")
    with imap(office, leaver) as mine, pytest.raises(imaplib.IMAP4.error):
        mine.noop()
        office.cli("account", "app-password", "add", leaver.address, "another")
        assert mine.noop()[0] == "OK"
        office.cli("account", "password", leaver.address, "--password-stdin", stdin="new horse")
        wait_until(lambda: mine.noop() is None, "the old password holds no connection")


def test_a_hand_over_that_a_kill_interrupted_goes_on_after_the_start(office, leaver):
    heir = office.person("heir")
    office.kill()
    with contextlib.closing(AccountsDatabase(office.state)) as database:
        wanted = HandOver(leaver.address, heir.address, ("Projects",), "Olga")
        HandOvers(database).begin(wanted, time.time())
    office.start()

    def is_there():
        found = control.ask(office.state, "hand_over_progress", address=leaver.address)
        return found is not None and not found["is_busy"]

    wait_until(is_there, "it is handed over")
    with imap(office, heir) as mail:
        assert mail.select(f'"{leaver.address}/Projects"')[1] == [b"3"]
