"""The first steps, from an empty box to mail, with scripts and without; cut off and gone on with."""

import re

import pytest

from tests.support.box import Box, Person, wait_until
from tests.support.mail import letter, stored_messages, submit, wait_for_mail
from tests.web.browser import Reader
from tests.web.chromium import WIDTHS, chromium

PASSWORD = "a few unrelated words"


@pytest.fixture
def empty(tmp_path):
    """A box on its first boot."""
    box = Box(tmp_path / "box")
    box.start()
    yield box
    box.__exit__(None, None, None)


def _steps(reader: Reader) -> None:
    assert "/setup" in reader.get("/").url
    owner = {"office": "Smith & Sons", "name": "Olga", "login": "olga", "password": PASSWORD}
    made = reader.post("/setup", owner)
    assert made.url.endswith("/setup/disk")
    assert made.says("Where shall the mail be?")
    later = reader.do("/setup/disk", "setup_step", step="disk", what="later", _then="/setup/mail")
    assert later.says("How do you get mail today?")


def test_whoever_comes_first_becomes_the_owner_and_nobody_after(empty):
    first, second = Reader(empty), Reader(empty)
    _steps(first)
    late = second.post(
        "/setup", {"office": "x", "name": "x", "login": "mallory", "password": "another password"}
    )
    assert "/login" in late.url
    assert second.log_in("mallory", "another password").status == 401


def test_the_box_writes_letters_in_the_language_of_the_first_steps(empty):
    reader = Reader(empty, language="de")
    owner = {"office": "Müller", "name": "Olga", "login": "olga", "password": PASSWORD}
    reader.post("/setup", owner)
    assert 'value="de" selected' in reader.get("/health").text
    assert empty.cli("backup", "key", "show").startswith("Notfallblatt von ")
    reader.do("/health", "office_language", language="ar")
    assert 'value="ar" selected' in reader.get("/health").text
    empty.write_settings('[server]\nlanguage = "en"\n')
    assert empty.cli("backup", "key", "show").startswith("Recovery sheet of ")


def test_where_the_office_is_is_guessed_and_kept(empty):
    reader = Reader(empty, language="de-AT,de;q=0.9")
    first = reader.get("/setup")
    assert '<option value="AT" selected>Österreich</option>' in first.text
    owner = {"office": "Müller", "name": "Olga", "login": "olga", "password": PASSWORD}
    reader.post("/setup", owner | {"country": "NP", "time_zone": ""})
    settings = (empty.state / "settings.toml").read_text()
    assert 'country = "NP"' in settings
    assert 'time_zone = "Asia/Kathmandu"' in settings
    assert '<option value="Asia/Kathmandu" selected>Nepal' in reader.get("/settings/office").text
    reader.do("/settings/office", "settings_office", country="DE", time_zone="Europe/Berlin")
    assert 'time_zone = "Europe/Berlin"' in (empty.state / "settings.toml").read_text()
    wrong = reader.do("/settings/office", "settings_office", country="DE", time_zone="Mars/Base")
    assert wrong.says("Diese Zeitzone gibt es nicht")
    empty.cli("settings", "set", "office.time_zone", "UTC")  # of no country
    assert '<option value="UTC" selected>UTC</option>' in reader.get("/settings/office").text


def test_what_cannot_be_used_is_said_beside_the_field_and_nothing_is_made(empty):
    reader = Reader(empty)
    typed = {"office": "", "name": "Olga", "login": "two words", "password": "short"}
    bad = reader.post("/setup", typed)
    assert bad.says("Please fill this in.")
    assert 'value="Olga"' in bad.text
    typed["office"] = "Smith"
    assert reader.post("/setup", typed).says("A password needs at least 8 characters.")
    typed["password"] = PASSWORD
    assert reader.post("/setup", typed).says("A name to log in with has no spaces in it")
    assert "/setup" in Reader(empty).get("/").url


def test_the_steps_without_a_script_until_a_message_has_arrived(empty, tmp_path):
    reader = Reader(empty)
    _steps(reader)
    page = reader.get("/setup/mail?way=inside")
    assert page.says("A name that nobody else has")
    reader.do("/setup/mail", "domain_add", domain="office.internal")
    reader.do("/setup/mail", "setup_step", step="mail", what="done", _then="/setup/people")
    made = reader.do("/setup/people", "account_add", address="anna@office.internal",
                     name="Anna", password="anna's own password")  # fmt: skip
    assert made.says("anna@office.internal")
    reader.do("/setup/people", "setup_step", step="people", what="done")
    _prove_the_sheet(reader)
    drive = tmp_path / "stick"
    drive.mkdir()
    empty.cli("sim", "plug", str(drive))
    wait_until(lambda: reader.get("/setup/drive").says("A new drive."), "the drive is seen")
    path = re.search(r'name="path" value="([^"]+)"', reader.get("/setup/drive").text)[1]
    reader.do("/setup/drive", "backup_adopt", path=path)
    reader.do("/setup/drive", "setup_step", step="drive", what="done")
    sent = reader.do("/setup/test", "mail_test", address="anna@office.internal")
    wait_until(lambda: reader.get(sent.url.removeprefix(reader.base))
               .says("It arrived after"), "the page that tells of it tells that it is there")  # fmt: skip
    reader.do("/setup/test", "setup_step", step="test", what="done")
    home = reader.get("/")
    assert not home.says("The first steps are not finished.")
    assert home.text.count("Smith &amp; Sons") >= 1


@pytest.fixture
def provider(tmp_path):
    """Another box that plays the provider: anna and ben have their mailboxes there."""
    with Box(tmp_path / "provider") as running:
        yield running


@pytest.fixture
def customer(provider, tmp_path):
    """An empty box that trusts the provider."""
    trust = f'ca_file = "{provider.ca}"\n'
    box = Box(tmp_path / "customer", settings=f"[relay]\n{trust}[fetch]\n{trust}")
    box.start()
    yield box
    box.__exit__(None, None, None)


def test_mailboxes_at_a_provider_are_tried_collected_and_sent_from(provider, customer):
    reader = Reader(customer)
    _steps(reader)
    typed = {
        "address": "anna@office.test", "name": "Anna", "password": "anna's password here",
        "incoming": f"localhost:{provider.port(993)}", "outgoing": f"127.0.0.1:{provider.port(465)}",
    }  # fmt: skip
    bad = reader.do("/setup/mail?way=each", "mailbox_add", **typed | {"outgoing": "x:port"},
                    secret="wrong")  # fmt: skip
    assert bad.says("A port is a number from 1 to 65535.")
    reader.do("/setup/mail?way=each", "mailbox_add", **typed, secret="wrong")
    _awaits(reader, "127.0.0.1 does not accept our user name and password. 535")
    for what in ("source", "relay"):
        reader.do("/setup/mail", f"{what}_remove", name="anna-office-test")
    reader.do("/setup/people", "account_remove", address="anna@office.test")
    reader.do("/setup/mail?way=each", "mailbox_add", **typed, secret=provider.password("anna"))
    _awaits(reader, "It lets us in.")
    _awaits(reader, "It works")

    ben, anna = provider.account("ben"), provider.account("anna")
    mine = Person("anna@office.test", "anna's password here")
    submit(customer, mine, ["ben@office.test"], letter("out", mine.address, ben.address))
    assert b"About out" in wait_for_mail(provider, ben, 1)[0]
    submit(provider, ben, [anna.address], letter("in", ben.address, anna.address))
    wait_until(lambda: reader.do("/flow", "source_visit", name="anna-office-test")
               and len(stored_messages(customer, mine)) == 1, "it is collected")  # fmt: skip
    assert reader.get("/people").says("office.test shared with its provider")


def _awaits(reader, words):
    wait_until(lambda: reader.get("/setup/mail?way=each").says(words), words, seconds=20)


def _words(page):
    return set(re.sub(r"<[^>]+>", " ", page).split())


def _prove_the_sheet(reader):
    page = reader.get("/setup/sheet").text
    words = re.findall(r"<li>([a-z]+)</li>", page)
    assert len(words) == 12
    first, second = map(int, re.search(r"word (\d+) and word (\d+)", page).groups())
    told = _words(reader.get("/changes").text)
    wrong = reader.do("/setup/sheet", "sheet_prove", first=words[first - 1], second="wrong")
    assert wrong.says(f"Word {second} is not the one on the recovery sheet.")
    assert f"word {first} and word {second}" in wrong.text, "the question stays the same"
    right = reader.do(
        "/setup/sheet", "sheet_prove", first=words[first - 1], second=words[second - 1].upper()
    )
    assert right.says("Yes, that was proven.")
    changes = reader.get("/changes").text
    assert "Prove that the recovery sheet is there" in changes
    said = _words("Prove that the recovery sheet is there Olga")
    assert words[first - 1] not in _words(changes) - told - said
    reader.do("/setup/sheet", "setup_step", step="sheet", what="done")


def test_a_power_cut_leads_back_to_the_step_where_it_was(empty):
    reader = Reader(empty)
    _steps(reader)
    reader.do("/setup/mail", "domain_add", domain="office.internal")
    reader.do("/setup/mail", "setup_step", step="mail", what="later")
    empty.kill()
    empty.start()
    again = Reader(empty)
    again.log_in("olga", PASSWORD)
    assert again.get("/").says("The first steps are not finished. Go on with: People")
    assert again.get("/setup").url.endswith("/setup/people")
    assert again.get("/setup/mail").says("office.internal")


@pytest.mark.clients
@pytest.mark.timeout(300)
@pytest.mark.parametrize("scripts", [True, False])
def test_the_journey_in_chromium(empty, tmp_path, scripts):
    with chromium(empty, scripts=scripts) as window:
        window.resize(1440)
        zone = {"timezoneId": "Europe/Vienna"}
        window.driver.execute_cdp_cmd("Emulation.setTimezoneOverride", zone)
        window.go("/")
        window.type("office", "Smith & Sons")
        if not scripts:  # the country tells
            window.choose("country", "Austria")
        window.type("name", "Olga Smith")
        window.type("login", "olga")
        window.type("password", PASSWORD)
        _look(window, "setup-owner", scripts=scripts)
        window.press("Go on")
        window.awaits("Where shall the mail be?")
        assert 'time_zone = "Europe/Vienna"' in (empty.state / "settings.toml").read_text()
        _look(window, "setup-disk", scripts=scripts)
        window.press("Later")
        window.press("Only inside Mail within the office, for now. You can add the world later.")
        window.awaits("A name that nobody else has")
        window.type("domain", "office.internal")
        window.press("Add the domain")
        window.awaits("office.internal")
        _look(window, "setup-mail", scripts=scripts)
        window.press("Go on")
        window.awaits("Who gets mail?")
        window.type("address", "anna@office.internal")
        window.type("password", PASSWORD)
        window.press("Make the account")
        window.awaits("anna@office.internal")
        _look(window, "setup-people", scripts=scripts)
        window.press("Go on")
        window.awaits("Prove it")
        _look(window, "setup-sheet", scripts=scripts)
        words = [each.text for each in window.driver.find_elements("css selector", ".words li")]
        numbers = re.search(r"word (\d+) and word (\d+)", window.driver.page_source).groups()
        for name, number in zip(("first", "second"), numbers, strict=True):
            window.type(name, words[int(number) - 1])
        window.press("Prove it")
        window.awaits("Yes, that was proven.")
        window.press("Go on")
        (tmp_path / "stick").mkdir()
        empty.cli("sim", "plug", str(tmp_path / "stick"))
        wait_until(lambda: _again(window, "A new drive.", scripts=scripts), "the drive is seen")
        _look(window, "setup-drive", scripts=scripts)
        window.press("Use it for backups")
        # while the box is still busy with the drive there is nothing to press: without scripts look again
        wait_until(
            lambda: _again(window, "Make the first backup now", scripts=scripts), "it can begin"
        )
        window.press("Make the first backup now")
        window.awaits("drive A")
        wait_until(
            lambda: _again(window, "are safe on drive A", scripts=scripts),
            "it is proven",
            seconds=60,
        )
        window.press("Go on")
        window.press("Send it")
        wait_until(
            lambda: _again(window, "It arrived after", scripts=scripts),
            "the test has arrived", seconds=30,
        )  # fmt: skip
        _look(window, "setup-test", scripts=scripts)
        window.press("Go on")
        window.awaits("The lamps on the box now")
        assert window.complaints() == []
        assert window.requests() <= {"localhost"}


def _again(window, words, *, scripts):
    """What changes by itself changes with scripts; without, one loads the page again."""
    if window.sees(words):
        return True
    if not scripts:
        window.driver.refresh()
    return False


def _look(window, name, *, scripts):
    if not scripts:
        return
    for dark in (False, True):
        window.dark(dark=dark)
        for width in WIDTHS:
            window.resize(width)
            assert not window.is_too_wide(), (name, width)
            window.shoot(f"{name}-{width}-{'dark' if dark else 'light'}")
        assert window.violations() == [], name
    window.dark(dark=False)
    window.resize(1440)
