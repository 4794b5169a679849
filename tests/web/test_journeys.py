"""What people do with the box from one end to the other, in Chromium against the running daemon.

One box for all. With PILLARBOX_SCREENSHOTS set to a folder each page is left there at all widths.
"""

import imaplib
import re
import subprocess

import pytest
from selenium.webdriver.support.ui import Select

from appliance import control
from tests.clients.test_sending import msmtp
from tests.clients.test_syncing import mbsync
from tests.support.box import Person, wait_until
from tests.support.mail import letter
from tests.support.programs import need
from tests.support.sessions import imap as session
from tests.web.browser import OWNER, OWNER_PASSWORD, Reader
from tests.web.chromium import chromium
from tests.web.safe import imap, lose, subjects

pytestmark = [pytest.mark.clients, pytest.mark.timeout(120)]
_LIST = "E-Mail;Vorname;Nachname;Speicher\ngina;Gina;Grün;500M\nno address;X;Y;\n"


@pytest.fixture(scope="module")
def window(safe):
    with chromium(safe.box) as opened:
        opened.resize(1440)
        opened.log_in(OWNER, OWNER_PASSWORD)
        opened.awaits("The lamps on the box now")
        opened.complaints()
        opened.requests()
        yield opened
        assert opened.requests() <= {"localhost"}


@pytest.fixture(scope="module")
def anna_s(safe):
    """Anna's own window."""
    with chromium(safe.box) as opened:
        opened.resize(1440)
        opened.log_in("anna@office.test", safe.box.password("anna"))
        opened.awaits("Hello, ")
        yield opened


# --- J3: first users and their phones


def test_three_people_are_made_and_one_of_them_comes_in_by_phone(safe, window, tmp_path):
    window.go("/people")
    for name in ("eva", "fritz"):
        window.press("A new account")
        window.type("address", f"{name}@office.test")
        window.type("password", f"correct horse {name}")
        window.press("Make the account")
        window.awaits(f"{name}@office.test")
    window.press("Many at once, from a list")
    window.look("journey-import")
    window.type("list", _LIST)
    window.press("Read the list")
    window.awaits("1 row is not right.")
    window.awaits("This is no e-mail address.")
    window.look("journey-import-seen")
    window.press("Make the chosen accounts")
    window.awaits("1 account was made")
    window.look("journey-import-made")
    password = _first_password(window, safe, tmp_path)
    _phone_fetches_its_profile(window, safe)
    window.go("/people/gina@office.test")
    window.awaits("No device of this account was here within the last hour.")
    gina = Person("gina@office.test", password)
    mbsync(safe.box, tmp_path, "tls", gina)
    window.awaits("Connected by IMAP")
    mail = letter("first", gina.address, "eva@office.test")
    msmtp(safe.box, tmp_path, "tls", gina, "eva@office.test", mail)
    window.awaits("Ready to send by SMTP")
    window.look("journey-connected")


def _first_password(window, safe, tmp_path):
    """From the printed sheet, which a browser shows in a viewer of its own."""
    cookies = "; ".join(f"{each['name']}={each['value']}" for each in window.driver.get_cookies())
    sheets = Reader(safe.box).get_bytes("/people/import/start-sheets", Cookie=cookies)
    (tmp_path / "sheets.pdf").write_bytes(sheets)
    words = [need("pdftotext"), "-layout", tmp_path / "sheets.pdf", "-"]
    text = subprocess.run(words, capture_output=True, check=True).stdout.decode()
    assert "gina@office.test" in text
    assert "Gina Grün" in text
    return re.search(r"\b[a-z2-9]{4}-[a-z2-9]{4}-[a-z2-9]{4}\b", text)[0]


def _phone_fetches_its_profile(window, safe):
    window.go("/people/eva@office.test")
    window.press("Make a link and a code")
    window.awaits("Point the phone's camera at the code")
    link = window.driver.find_element("css selector", ".secret").text
    path = "/start/" + link.rpartition("/")[2]
    window.look("journey-person-link")
    with chromium(safe.box) as phone:
        phone.resize(360)
        phone.go(path)
        phone.awaits("Mail for eva@office.test")
        phone.look("journey-start")
    reader = Reader(safe.box)
    assert b"com.apple.mail.managed" in reader.get_bytes(path, b"", Origin=reader.base)
    assert reader.get(path).says("This link has been used already.")


# --- J6: what was deleted comes back


def test_anna_deletes_a_folder_and_gets_it_back_herself(safe, anna_s):
    lose(safe.box, "anna", "Projects")
    assert subjects(safe.box, "anna", "Projects") == []
    anna_s.go("/")
    anna_s.look("journey-user-home")
    anna_s.press("Get deleted mail back")
    anna_s.awaits("proven")
    anna_s.look("journey-restore-versions")
    anna_s.driver.find_element("css selector", "#live-versions a").click()
    anna_s.awaits("3 missing now")
    anna_s.look("journey-restore-folders")
    anna_s.press("Projects")
    anna_s.awaits("missing now")
    anna_s.look("journey-restore-mails")
    anna_s.press("All folders")
    anna_s.press("Get this folder back")
    anna_s.awaits("3 messages were restored; 0 were here already.")
    assert subjects(safe.box, "anna", "Projects") == [f"Projects {n}" for n in (1, 2, 3)]
    anna_s.go("/me")
    anna_s.awaits("Passing on")
    anna_s.look("journey-me")


def test_the_owner_gets_a_mailbox_back_as_it_was_and_nothing_comes_twice(safe, window):
    with imap(safe.box, "ben") as client:
        client.select('"Secret plans"')
        client.store("1", "+FLAGS", "\\Deleted")
        client.expunge()
        client.append('"Secret plans"', "", "", b"Subject: newer\r\n\r\nHello.\r\n")
    window.go("/restore")
    window.awaits("ben@office.test")
    window.awaits("Get everybody's mail back")
    window.look("journey-restore-owner")
    window.press("ben@office.test")
    window.awaits("From when?")
    window.driver.find_element("css selector", "#live-versions a").click()
    window.awaits("All that is missing comes back, and you see none of it.")
    window.look("journey-restore-unseen")
    window.press("Get it back")
    window.awaits("1 message was restored")
    assert subjects(safe.box, "ben", "Secret plans") == [
        "Secret plans 1",
        "Secret plans 2",
        "newer",
    ]
    window.press("Get it back")
    window.awaits("0 messages were restored")
    assert subjects(safe.box, "ben", "Secret plans") == [
        "Secret plans 1",
        "Secret plans 2",
        "newer",
    ]


# --- J9: who opens somebody's mail has to press the button, and is seen


def test_who_looks_into_a_mailbox_presses_the_button_and_its_owner_is_told(safe, window):
    window.go("/people/ben@office.test/restore")
    window.awaits("From when?")
    window.driver.find_element("css selector", "#live-versions a").click()
    window.press("Let me see them")
    window.awaits("Press the button on the box within a minute")
    window.look("journey-press")
    safe.box.cli("sim", "press")
    window.press("The button was pressed: go on")
    window.awaits("Secret plans")
    window.go("/people/ben@office.test/export")
    window.look("journey-export-owner")
    with imap(safe.box, "ben") as client:
        wait_until(lambda: int(client.select("INBOX")[1][0]) > 0, "ben is told")
        _, found = client.search(None, "BODY", '"looks at which mail you had"')
        assert found[0]
    window.go("/changes")
    window.awaits("Look at what somebody had")


# --- J9: somebody leaves, and everything is where it belongs


def test_somebody_leaves_and_a_colleague_goes_on_with_their_mail(safe, window):
    lea, heir = safe.box.person("lea"), safe.box.person("heir")
    with session(safe.box, lea) as client:
        client.append("INBOX", None, None, b"Subject: The offer\r\n\r\nx\r\n")
    window.go(f"/people/{lea.address}")
    window.press("Lock it")
    window.driver.find_element("css selector", "#leaving .sure[open] button").click()
    window.awaits("Locked: nobody gets in with it.")
    window.look("journey-leaving")
    window.press("Change the automatic answer")
    window.driver.find_element("name", "is_on").click()
    window.type("text", "Ask my colleague.")
    window.press("Save the answer")
    window.awaits("once a week each")
    window.press("Choose a colleague")
    colleagues = Select(window.driver.find_element("id", "hand_over--to"))
    colleagues.select_by_visible_text(heir.address)
    window.press("Hand it over")
    window.awaits("Press the button on the box within a minute")
    safe.box.cli("sim", "press")
    window.press("The button was pressed: go on")
    window.awaits(f"with {heir.address} now")
    window.press("Choose the day")
    day = window.driver.find_element("id", "account_keep--until")
    window.driver.execute_script("arguments[0].value = '2099-12-31'", day)
    window.press("Keep it")
    window.awaits("Kept until 2099-12-31.")
    with session(safe.box, heir) as client:
        assert int(client.select(f'"{lea.address}/Inbox"')[1][0]) > 0
    with pytest.raises(imaplib.IMAP4.error), session(safe.box, lea):
        pytest.fail("inside")


# --- J5: a backup by the button


def test_a_new_stick_is_made_a_backup_by_the_button_and_pulled_when_it_is_safe(safe, window):
    stick = safe.box.folder / "second"
    stick.mkdir()
    safe.box.cli("sim", "unplug", str(safe.drive))
    window.go("/simulator")
    window.type("path", str(stick))
    window.press("Plug in")
    window.awaits("Done.")
    window.go("/backups")
    wait_until(lambda: _anew(window, "A new drive."), "the stick is seen")
    window.look("journey-backups-new")
    window.go("/simulator")
    window.press("Press")
    window.awaits("Done.")
    window.go("/backups")
    wait_until(lambda: _anew(window, "A backup or a restore is under way"), "it is shown")
    window.awaits("are safe on drive B", seconds=30)
    wait_until(lambda: _anew(window, "It can be pulled now."), "it is let go of")
    window.look("journey-backups-safe")
    window.go("/simulator")
    window.press("Pull")
    window.awaits("Done.")


def test_a_stick_that_is_pulled_while_it_runs_keeps_what_was_proven_before(safe, window):
    stick = safe.box.folder / "second"
    safe.box.cli("sim", "plug", str(stick))
    window.go("/backups")
    wait_until(lambda: _anew(window, "· drive B"), "it is known again")
    safe.box.cli("sim", "press")
    wait_until(lambda: _is_busy(safe), "it runs")
    safe.box.cli("sim", "unplug", str(stick))
    window.awaits("was pulled out", seconds=30)
    window.look("journey-backups-pulled")
    safe.box.cli("sim", "plug", str(stick))
    window.go("/restore")
    wait_until(lambda: _anew(window, "drive B · proven"), "the version before is there")
    safe.box.cli("sim", "unplug", str(stick))
    safe.box.cli("sim", "plug", str(safe.drive))


def _is_busy(safe):
    return control.ask(safe.box.state, "backup_progress")["is_busy"]


def _anew(window, words):
    if window.sees(words):
        return True
    window.driver.refresh()
    return False
