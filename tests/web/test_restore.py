"""Getting mail back by the page: one's own, and, by an owner, others'."""

import re

import pytest

from appliance import control
from appliance.accounts.database import AccountsDatabase
from appliance.backup import pending
from appliance.backup.history import History
from appliance.backup.pending import Pending
from tests.support.box import wait_until
from tests.web.browser import Reader
from tests.web.safe import lose, subjects


@pytest.fixture
def anna(safe):
    reader = Reader(safe.box)
    assert reader.log_in("anna@office.test", safe.box.password("anna")).status == 200
    return reader


@pytest.fixture
def olga(safe):
    reader = Reader(safe.box)
    assert reader.log_in().status == 200
    return reader


def _version(reader, path):
    found = []

    def listed():
        found[:] = re.findall(rf'href="({path}/[0-9a-f]+/[0-9a-f]{{64}})"', reader.get(path).text)
        return found

    wait_until(listed, "the versions are listed")
    return found[-1]


def _over(reader, path="/me/backups/progress"):
    wait_until(lambda: not reader.api("GET", path).json["is_busy"], "it is over", seconds=30)
    return reader.api("GET", path).json


def test_who_deleted_a_folder_sees_what_is_missing_and_gets_one_mail_back(safe, anna):
    lose(safe.box, "anna", "Projects")
    version = _version(anna, "/me/restore")
    wait_until(lambda: anna.get(version).says("3 missing now"), "the folders are listed")
    folder = f"{version}?folder=Projects"
    wait_until(lambda: anna.get(folder).says("Projects 2"), "the mails are listed")
    page = anna.get(folder)
    assert page.says("Joe")
    name = re.search(r'value="([^"]+)" >\s*<span>(?:(?!</li>).)*Projects 2', page.text, re.S)[1]
    assert anna.do(version, "my_restore", mailbox="Projects", several=name).says("Done.")
    assert _over(anna)["sentence"] == "1 message was restored; 0 were here already."
    assert subjects(safe.box, "anna", "Projects") == ["Projects 2"]
    assert anna.get(f"{folder}&sought=joe+3").says("1 mail fits")
    anna.do(version, "my_restore", mailbox="Projects")
    assert _over(anna)["outcome"] == "restored"
    assert subjects(safe.box, "anna", "Projects") == [f"Projects {n}" for n in (1, 2, 3)]


def test_nobody_sees_or_moves_what_is_others(safe, anna, olga):
    version = _version(anna, "/me/restore")
    assert anna.get(version.replace("/me/", "/people/dora@office.test/")).status == 403
    assert anna.get(f"{version}?folder=Secret+plans").says("There is none.")
    assert olga.get("/me/restore").says("You have no account for mail here")
    assert anna.api("GET", "/me/backups/x/--help/folders").status == 404


def test_an_owner_chooses_among_mails_only_after_the_button_and_is_seen_doing_it(safe, olga):
    path = "/people/dora@office.test/restore"
    version = _version(olga, path)
    lose(safe.box, "dora", "Secret plans")
    api = "/accounts/dora@office.test/backups" + version.removeprefix(path)
    for shown in (olga.get(version), olga.get(f"{version}?folder=Secret+plans")):
        assert not shown.says("Joe")
        assert shown.says("Let me see them")
    assert olga.api("GET", f"{api}/folders").status == 403
    assert olga.do(version, "mail_look").says("Press the button on the box within a minute")
    safe.box.cli("sim", "press")
    wait_until(lambda: olga.do(version, "mail_look").says("Done."), "it was pressed")
    wait_until(lambda: olga.get(version).says("Secret plans"), "the folders are listed")
    wait_until(lambda: olga.get(f"{version}?folder=Secret+plans").says("Joe"), "the mails are")
    assert olga.do(version, "mail_restore", mailbox="Secret plans").says("Done.")
    assert _over(olga, "/backups/progress")["outcome"] == "restored"
    assert subjects(safe.box, "dora", "Secret plans") == ["Secret plans 1", "Secret plans 2"]
    assert olga.get("/changes").says("Look at what somebody had")
    inbox = lambda: len(subjects(safe.box, "dora", "INBOX"))  # noqa: E731 - one line
    wait_until(lambda: inbox() == 2, "dora is told of both")


def test_everybodys_mail_at_once_waits_for_the_button(safe, olga):
    wait_until(lambda: olga.get("/restore").says("Get everybody's mail back"), "it is listed")
    lose(safe.box, "dora", "Secret plans")
    wanted = {"target": "A", "version": "latest"}
    asked = olga.do("/restore", "mail_restore_all", **wanted)
    assert asked.says("Press the button on the box within a minute")
    assert subjects(safe.box, "dora", "Secret plans") == []
    safe.box.cli("sim", "press")
    begun = lambda: olga.do("/restore", "mail_restore_all", **wanted).says("Done.")  # noqa: E731 - one line
    wait_until(begun, "it was pressed")
    assert _over(olga, "/backups/progress")["outcome"] == "restored"
    assert subjects(safe.box, "dora", "Secret plans") == ["Secret plans 1", "Secret plans 2"]


def test_anybody_may_have_a_drive_that_was_let_go_of_read_again(anna, olga):
    assert anna.do("/me/restore", "my_drives_ready").says("Done.")
    assert olga.do("/restore", "my_drives_ready").says("Done.")
    assert olga.do("/people/dora@office.test/restore", "my_drives_ready").says("Done.")
    assert _version(anna, "/me/restore")


def test_a_restore_that_a_power_cut_ended_goes_on_by_itself(safe):
    lose(safe.box, "dora", "Secret plans")
    safe.box.kill()
    database = AccountsDatabase(safe.box.state)
    wanted = {"version": "latest", "account": "dora@office.test", "mailbox": "Secret plans"}
    pending.keep(History(database), Pending(wanted, "A"))
    database.close()
    safe.start_again()
    there = ["Secret plans 1", "Secret plans 2"]
    wait_until(lambda: subjects(safe.box, "dora", "Secret plans") == there, "it went on")
    over = lambda: control.ask(safe.box.state, "backup_progress")  # noqa: E731 - one line
    wait_until(lambda: not over()["is_busy"], "it is over")
    safe.box.kill()
    safe.start_again()
    assert over()["account"] == "dora@office.test"
    dora = Reader(safe.box)
    assert dora.log_in("dora@office.test", safe.box.password("dora")).status == 200
    assert dora.get("/me/restore").says("2 messages were restored; 0 were here already.")
    dora.api("POST", "/me/log-out")
    assert dora.log_in("dora@office.test", safe.box.password("dora")).status == 200
    assert dora.get("/me/restore").says("2 messages were restored; 0 were here already.")
