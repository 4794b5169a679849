"""A box is set up by a file on a stick or on its card, as a whole or not at all (NW-04)."""

from __future__ import annotations

import tomllib

import pytest

from appliance.accounts import passwords
from appliance.cli.asking import open_database
from appliance.upkeep import byfile
from appliance.upkeep.wireless import SimulatedWifi
from appliance.web import by_file, people, setup_file
from appliance.web.setup_file import BadFile
from tests.support.box import Box, Person, wait_until
from tests.support.mail import letter, submit
from tests.web.browser import Reader

OWNER_SECRET, ANNA_SECRET = "a few unrelated words", "anna's first password"
TEXT = f"""
# the password is {OWNER_SECRET}
[office]
name = "Müller & Söhne"
language = "de"
country = "AT"
[owner]
login = "olga"
name = "Olga"
password = "{OWNER_SECRET}"
[mail]
domain = "office.internal"
[[account]]
address = "anna@office.internal"
name = "Anna"
password = "{ANNA_SECRET}"
[[account]]
address = "ben@office.internal"
password = "ben's first password"
"""


def _wrong(text):
    with pytest.raises(BadFile) as caught:
        setup_file.wanted(text.encode())
    return "\n".join(caught.value.problems)


def test_all_that_is_wrong_is_told_at_once():
    said = _wrong(
        TEXT.replace('"AT"', '"XX"').replace('"olga"', '"olga owner"') + "[more]\na = 1\n"
    )
    assert "[office] country: Please choose one of what is offered." in said
    assert "[more]: There is no such section." in said
    said = _wrong(
        TEXT.replace(OWNER_SECRET, "short").replace("ben@office.internal", "ben@elsewhere.test")
        .replace(ANNA_SECRET, "x") + '[network]\naddress = "192.168.1.20/24"\n'
    )  # fmt: skip
    assert "[owner] password: A password needs at least 8 characters." in said
    assert "[account 1] password:" in said
    assert "[account 2] address: It is not of the domain office.internal." in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x" * (setup_file.MOST_OCTETS + 1), "larger than 64 KiB"),
        ("a = " + "[" * 3000, "cannot be read as TOML"),
        ('[owner]\npassword = "my secret', "at its end"),
        ("owner = 3", "This must be a section."),
        ("[[account]]\n" * 201, "200 of them at most"),
        (TEXT + '[network]\naddress = "192.168.1.20"\n', "the length of the network"),
        (TEXT + '[network]\naddress = "192.168.1.20/24"\ngateway = "10.0.0.1"\n', "same network"),
        (TEXT.replace('domain = "office.internal"', ""), "[mail] domain: Please fill this in."),
        (TEXT.replace("ben@", "anna@"), "It stands there twice."),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_said_and_no_secret_with_it(text, said):
    told = _wrong(text)
    assert said in told
    assert "my secret" not in told


def test_a_hash_stands_for_the_password_and_must_cost_no_more_than_the_box_has():
    phc = passwords.argon2(OWNER_SECRET)
    line = f'password = "{OWNER_SECRET}"'
    assert setup_file.wanted(TEXT.replace(line, f"password_hash = '{phc}'").encode())
    dear = phc.replace("m=19456", "m=99999")
    assert "no hash of Argon2id" in _wrong(TEXT.replace(line, f"password_hash = '{dear}'"))
    assert "either password or" in _wrong(TEXT.replace(line, f"{line}\npassword_hash = '{phc}'"))
    assert "either password or" in _wrong(TEXT.replace(line, ""))


def test_a_file_without_its_secrets_keeps_the_rest():
    clean = setup_file.without_secrets(TEXT.encode()).decode()
    told = tomllib.loads(clean)
    assert told["owner"] == {"login": "olga", "name": "Olga"}
    assert told["account"][0] == {"address": "anna@office.internal", "name": "Anna"}
    assert OWNER_SECRET not in clean
    assert ANNA_SECRET not in clean


def _disk(path, use="free", serial="S1", disk=""):
    return {"path": path, "disk": disk or path, "serial": serial, "use": use}


def test_the_only_disk_is_neither_the_system_nor_the_stick_with_the_file():
    disks = [_disk("/dev/sda"), _disk("/dev/sdb1", disk="/dev/sdb"), _disk("/dev/mm", "the system")]
    only = {"disk": setup_file.ONLY_ONE}
    assert by_file.chosen(disks, only, "/dev/sdb1")["path"] == "/dev/sda"
    with pytest.raises(BadFile, match="more than one"):
        by_file.chosen(disks, only, "")
    with pytest.raises(BadFile, match="no such disk"):
        by_file.chosen(disks, {"disk": "S2"}, "/dev/sdb1")
    assert by_file.chosen([_disk("/dev/sda", "the mail disk")], only, "") is None


def test_a_link_on_a_stick_is_not_followed(tmp_path):
    secret = tmp_path / "key"
    secret.write_text("secret")
    stick = tmp_path / "stick"
    stick.mkdir()
    (stick / "pillarbox.toml").symlink_to(secret)
    assert byfile.of_a_folder(stick) == ("", b"")


@pytest.fixture
def empty(tmp_path):
    """A box on its first boot."""
    box = Box(tmp_path / "box")
    box.start()
    yield box
    box.__exit__(None, None, None)


def _stick(tmp_path, text, name="pillarbox.toml"):
    stick = tmp_path / "stick"
    stick.mkdir(exist_ok=True)
    (stick / name).write_text(text, "utf-8")
    return stick


def _answer(stick):
    answer = stick / "pillarbox-answer.txt"
    wait_until(answer.exists, "the box answers")
    return answer.read_text("utf-8-sig")


def test_a_stick_sets_the_box_up_and_holds_no_password_afterwards(empty, tmp_path):
    stick, disk = _stick(tmp_path, TEXT), tmp_path / "disk"
    disk.mkdir()
    empty.cli("sim", "plug", str(disk))
    wanted = TEXT.replace("[mail]\n", f'[mail]\ndisk = "{setup_file.ONLY_ONE}"\n')
    wanted += '[network]\naddress = "192.0.2.77/24"\ngateway = "192.0.2.1"\n'
    wanted += f'[wifi]\nname = "Office"\npassword = "{SimulatedWifi.PASSWORD}"\n'
    (stick / "pillarbox.toml").write_text(wanted, "utf-8")
    empty.cli("sim", "plug", str(stick))
    assert "Passwörter" in _answer(stick)
    left = (stick / "pillarbox.toml").read_text("utf-8")
    assert "Müller" in left
    assert "password" not in left
    wait_until(lambda: "can be pulled" in empty.cli("sim", "leds"), "the lamp says so")

    owner = Reader(empty)
    assert owner.log_in("olga", OWNER_SECRET).status == 200
    assert "Müller &amp; Söhne" in owner.get("/").text
    assert 'time_zone = "Europe/Vienna"' in (empty.state / "settings.toml").read_text()
    assert owner.get("/changes").says("olga")
    assert "192.0.2.77" in empty.cli("network", "status")
    assert "is in Office" in empty.cli("network", "wifi", "status")
    wait_until(lambda: str(disk) in empty.cli("disk", "status"), "the mail is on the disk")
    anna, ben = (Person(f"{who}@office.internal", f"{who}'s first password")
                 for who in ("anna", "ben"))  # fmt: skip
    submit(empty, ben, [anna.address], letter("works", ben.address, anna.address))
    home = disk / "mail" / "people" / anna.address
    wait_until(lambda: [*home.glob("new/*"), *home.glob("cur/*")], "the mail lies on the disk")


def test_a_file_with_a_mistake_changes_nothing_and_says_so_on_stick_and_page(empty, tmp_path):
    text = TEXT.replace(ANNA_SECRET, "x")
    stick = _stick(tmp_path, text, "pillarbox.txt")
    empty.cli("sim", "plug", str(stick))
    assert "[account 1] password: A password needs at least 8" in _answer(stick)
    assert (stick / "pillarbox.txt").read_text("utf-8") == text
    page = Reader(empty).get("/setup")
    assert page.says("cannot be used: [account 1] password: A password needs at least 8")
    assert empty.cli("domain", "list").strip() == ""


def test_a_wifi_that_lets_nobody_in_is_told_before_anything_is_done(empty, tmp_path):
    text = TEXT + '[wifi]\nname = "Office"\npassword = "not the right one"\n'
    stick = _stick(tmp_path, text)
    empty.cli("sim", "plug", str(stick))
    assert "[wifi]: The Wi-Fi did not let the box in." in _answer(stick)
    assert (stick / "pillarbox.toml").read_text("utf-8") == text
    assert empty.cli("domain", "list").strip() == ""


def test_a_wifi_needs_a_name_and_the_country_of_the_office():
    wifi = TEXT.replace('country = "AT"\n', "") + '[wifi]\npassword = "short"\n'
    said = _wrong(wifi)
    assert all(f"[wifi] {each}:" in said for each in ("name", "password", "country"))
    whole = setup_file.wanted((TEXT + '[wifi]\nname = "Café"\n').encode()).wifi
    assert (whole.name, whole.password, whole.country) == ("Café", "", "AT")


def test_a_box_with_an_owner_takes_no_file(empty, tmp_path):
    first = {"office": "x", "name": "Olga", "login": "olga", "password": OWNER_SECRET}
    Reader(empty).post("/setup", first)
    stick = _stick(tmp_path, TEXT)
    (stick / "pillarbox-status").mkdir()
    empty.cli("sim", "plug", str(stick))
    wait_until((stick / "pillarbox-status" / "index.html").exists, "the stick was served")
    assert (stick / "pillarbox.toml").read_text("utf-8") == TEXT
    assert not (stick / "pillarbox-answer.txt").exists()


def test_a_power_cut_in_the_middle_is_gone_on_from(empty, tmp_path):
    octets = TEXT.encode()
    with open_database(empty.state) as database:  # as after the owner, before the rest
        given = {"login": "olga", "name": "Olga", "password": OWNER_SECRET}
        people.first_owner(database, given, 1.0)
        people.note(database, "setup-file", by_file._fact("begun", octets))
    stick = _stick(tmp_path, TEXT)
    empty.cli("sim", "plug", str(stick))
    _answer(stick)
    assert "anna@office.internal" in empty.cli("account", "list")
    assert "password" not in (stick / "pillarbox.toml").read_text("utf-8")


def test_the_card_sets_the_box_up_and_is_only_read(empty):
    empty.terminate()
    card = empty.state / "simulated" / "card"
    card.mkdir(parents=True)
    (card / "pillarbox.toml").write_text(TEXT, "utf-8")
    empty.start()
    wait_until(lambda: "still has all passwords in it" in empty.cli("status"), "it is set up")
    assert [each.name for each in card.iterdir()] == ["pillarbox.toml"]
    assert Reader(empty).log_in("olga", OWNER_SECRET).status == 200


def test_a_stick_that_can_only_be_read_sets_up_and_its_passwords_are_told_of(tmp_path, monkeypatch):
    path = _stick(tmp_path, TEXT) / "pillarbox.toml"

    def refuse(*_arguments):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(byfile.files, "open_existing", refuse)
    assert not byfile._overwritten(path, TEXT.encode())
    monkeypatch.undo()
    assert byfile._overwritten(path, TEXT.encode())
    assert "password" not in path.read_text("utf-8")
