"""Moving in from a real Dovecot: all mail once, unchanged, whatever happens on the way."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

import pytest

from appliance import control
from tests.corpus import ugly_messages
from tests.migration.old_server import (
    SETTINGS,
    Old,
    at_the_box,
    begin,
    copied,
    day,
    looked,
    move,
    old_server,
    picture_here,
)
from tests.support.box import Box, Person, wait_until
from tests.support.dovecot import PASSWORD
from tests.support.mail import letter

FOLDERS = {  # there: here
    "INBOX": "INBOX",
    "INBOX.Gesendet": "Sent",
    "INBOX.Papierkorb": "Trash",
    "INBOX.Projekte.Köln/2024": "Projekte/Köln-2024",
    "INBOX.Projekte": "Projekte",
    "INBOX.東京 & Café.tief.tiefer.am tiefsten": "東京 & Café/tief/tiefer/am tiefsten",
}
FLAGS = [(), (b"\\Seen",), (b"\\Answered", b"\\Seen"), (b"\\Flagged", b"$Label1"), (b"rechnung",)]


@pytest.fixture(scope="module")
def old() -> Iterator[Old]:
    with old_server() as running:
        yield running


@pytest.fixture(scope="module")
def box(old: Old, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    more = "[migration]\nlargest_message_mib = 2\nconnections = 3\nkib_per_second = 0\n"
    settings = SETTINGS.format(ca=old.authority.file, more=more)
    with Box(tmp_path_factory.mktemp("box"), settings=settings) as running:
        yield running


def furnish(old: Old, user: str, *, each: int = 8) -> str:
    """A mailbox with a life behind it."""
    old.provider.user(user)
    ugly = [content for _, content in sorted(ugly_messages().items()) if 2 < len(content) < 1 << 20]
    with old.client(user) as client:
        for at, name in enumerate(FOLDERS):
            if name != "INBOX":
                client.create_folder(name)
            for number in range(each):
                content = letter(f"{user}-{at}-{number}", "joe@else.test", "x@y.test")
                client.append(name, content, FLAGS[number % len(FLAGS)], day(at * 7 + number))
        for number, content in enumerate(ugly[:: max(1, 80 // each)]):
            client.append("INBOX.Projekte", content, (), day(number))
        client.append("INBOX", letter("large", "a@b.test", "x@y.test", "0123456789\r\n" * 120_000))
    return user


def expected(old: Old, user: str) -> dict[str, object]:
    return {FOLDERS[name]: messages for name, messages in old.picture(user).items()}


def test_it_goes_on_by_itself_after_every_kill(old: Old, box: Box) -> None:
    person, user = box.person("killed"), furnish(old, "killed", each=20)
    number = begin(box, old, user, person)
    for wanted in (5, 40, 80):
        while stored(box, person) < wanted and move(box, number)["state"] == "copying":
            time.sleep(0.001)
        box.kill()
        box.start()
    copied(box, number)
    assert picture_here(box, person) == expected(old, user)


def test_three_accounts_move_in_with_all_there_is(old: Old, box: Box) -> None:
    people = [box.person(f"mover{n}") for n in range(3)]
    users = [furnish(old, f"three{n}") for n in range(3)]
    before = [old.picture(user) for user in users]
    numbers = [begin(box, old, u, p) for u, p in zip(users, people, strict=True)]
    for user, person, number in zip(users, people, numbers, strict=True):
        told = copied(box, number)
        here = picture_here(box, person)
        assert here == expected(old, user)
        assert told["here"] == told["shown"] == sum(map(len, old.picture(user).values()))
        for each in told["folders"]:
            assert (each["shown"], each["missing"]) == (each["here"], 0)
            assert each["kept"] == len(here[each["ours"]])
    assert [old.picture(user) for user in users] == before, "nothing there is changed"
    with old.client(users[0]) as client:
        assert "Public.Everybody" in [name for _, _, name in client.list_folders()]
    assert not list(box.maildir(people[0]).glob("*Public*")), "what others share does not move in"


def test_a_second_look_brings_only_what_is_new(old: Old, box: Box) -> None:
    person, user = box.person("follows"), furnish(old, "follows", each=2)
    number = begin(box, old, user, person)
    copied(box, number)
    looked(box, number)
    assert picture_here(box, person) == expected(old, user)
    with old.client(user) as client:
        client.append("INBOX", letter("news", "joe@else.test", "x@y.test"), (), day(3))
        client.create_folder("INBOX.Neu")
        client.append("INBOX.Neu", letter("news2", "joe@else.test", "x@y.test"), (), day(4))
    looked(box, number)
    here = picture_here(box, person)
    assert here.pop("Neu") == old.picture(user)["INBOX.Neu"]
    wanted = old.picture(user)
    del wanted["INBOX.Neu"]
    assert here == {FOLDERS[name]: messages for name, messages in wanted.items()}


def test_what_was_deleted_or_moved_here_stays_so(old: Old, box: Box) -> None:
    person, user = box.person("tidies"), furnish(old, "tidies", each=4)
    number = begin(box, old, user, person)
    copied(box, number)
    with at_the_box(box, person) as client:
        client.select_folder("INBOX")
        first, second = client.search("ALL")[:2]
        client.delete_messages([first])
        client.expunge()
        client.move([second], "Archive")
    after = picture_here(box, person)
    looked(box, number)
    assert picture_here(box, person) == after


def test_a_folder_made_anew_there_makes_no_doubles(old: Old, box: Box) -> None:
    person, user = box.person("anew"), furnish(old, "anew", each=3)
    number = begin(box, old, user, person)
    copied(box, number)
    before = picture_here(box, person)
    with old.client(user) as client:
        client.select_folder("INBOX.Gesendet", readonly=True)
        kept = client.fetch(client.search("ALL"), ["BODY.PEEK[]", "INTERNALDATE", "FLAGS"])
        client.unselect_folder()
        client.delete_folder("INBOX.Gesendet")
        time.sleep(1.1)  # Dovecot makes UIDVALIDITY of the time
        client.create_folder("INBOX.Gesendet")
        for each in kept.values():
            flags = [flag for flag in each[b"FLAGS"] if flag != b"\\Recent"]
            client.append("INBOX.Gesendet", each[b"BODY[]"], flags, each[b"INTERNALDATE"])
        client.select_folder("INBOX")
        client.move(client.search("ALL")[:1], "INBOX.Projekte")
    told = looked(box, number)
    assert picture_here(box, person) == before
    assert told["here"] == told["shown"]


def test_what_is_too_large_or_has_no_room_is_named_and_the_rest_comes(old: Old, box: Box) -> None:
    person, user = box.person("narrow", quota=100_000), old.provider.user("narrow")
    with old.client(user) as client:
        for number in range(3):
            client.append("INBOX", letter(f"small{number}", "joe@else.test", "x@y.test"))
        client.append(
            "INBOX", letter("huge", "joe@else.test", "x@y.test", "x" * 70 + "\r\n" * 1_200_000)
        )
        client.append(
            "INBOX", letter("wide", "joe@else.test", "x@y.test", "0123456789\r\n" * 10_000)
        )
        client.append("INBOX", letter("last", "joe@else.test", "x@y.test"))
    number = begin(box, old, user, person)
    told = copied(box, number)
    assert (told["shown"], told["here"], told["left"]) == (6, 4, 2)
    assert {(each["why"], each["about"].rpartition("About ")[2]) for each in told["left_out"]} == {
        ("It is larger than 2 MiB.", "huge"), ("The mailbox here is full.", "wide")
    }  # fmt: skip
    assert "Delete mail" in told["remedy"]


def test_a_full_disk_is_told_and_it_goes_on_when_there_is_room(old: Old, box: Box) -> None:
    person, user = box.person("full"), furnish(old, "full", each=2)
    box.cli("settings", "set", "storage.reserve_mib", "1000000")
    try:
        wait_until(
            lambda: "mail-disk-full" in str(control.ask(box.state, "status")), "it is noticed"
        )
        number = begin(box, old, user, person)
        wait_until(lambda: "There is no room" in move(box, number)["trouble"], "it is told")
        assert stored(box, person) == 0
    finally:
        box.cli("settings", "set", "storage.reserve_mib", "64")

    def is_copied() -> bool:
        box.cli("move-in", "now", str(number))
        return bool(move(box, number)["state"] == "following")

    wait_until(is_copied, "it goes on", seconds=20)
    assert picture_here(box, person) == expected(old, user)


def test_mail_that_is_here_already_is_not_brought_again(old: Old, box: Box) -> None:
    """As after somebody copied some of it by hand, or ended the move and began it anew."""
    person, user = box.person("again"), furnish(old, "again", each=3)
    number = begin(box, old, user, person)
    copied(box, number)
    before = picture_here(box, person)
    box.cli("move-in", "end", str(number))
    told = copied(box, begin(box, old, user, person))
    assert picture_here(box, person) == before
    assert told["here"] == told["shown"]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_twenty_kills_at_any_moment(old: Old, box: Box) -> None:
    dice = random.Random(7)
    person, user = box.person("often"), furnish(old, "often", each=200)
    number = begin(box, old, user, person)
    for _ in range(20):
        time.sleep(dice.random() * 0.8)
        box.kill()
        box.start()
    copied(box, number, seconds=120)
    assert picture_here(box, person) == expected(old, user)
    told = looked(box, number)
    assert told["here"] == told["shown"]


def stored(box: Box, person: Person) -> int:
    return sum(1 for _ in box.maildir(person).glob("**/*,S=*"))


def test_the_words_of_a_server_that_refuses_are_told(old: Old, box: Box) -> None:
    person = box.person("refused")
    port = str(old.provider.ports["imaps"])
    done = box.try_cli(
        "move-in", "add", person.address, "localhost", "refused", "--port", port,
        "--password-stdin", stdin="wrong\n",
    )  # fmt: skip
    assert done.returncode == 1
    assert "does not accept the login of refused: [AUTHENTICATIONFAILED]" in done.stderr


def test_a_list_is_tried_row_by_row(old: Old, box: Box) -> None:
    good, bad = box.person("good"), box.person("bad")
    port = old.provider.ports["imaps"]
    old.provider.user("good")
    rows = [
        "Address;Server;User;Password;Port",
        f"{good.address};localhost;good;{PASSWORD};{port}",
        f"{bad.address};localhost;bad;wrong;{port}",
        f"nobody@office.test;localhost;x;y;{port}",
    ]
    said = box.cli("move-in", "import", stdin="\n".join(rows)).splitlines()
    first, second = (int(line.split()[-1]) for line in said[:2])
    assert "There is no account nobody@office.test here" in said[2]
    copied(box, first)
    wait_until(lambda: move(box, second)["state"] == "refused", "it is refused")
    assert "AUTHENTICATIONFAILED" in move(box, second)["words"]
    assert PASSWORD not in box.log()


def test_pause_go_on_and_end(old: Old, box: Box) -> None:
    person, user = box.person("pauses"), old.provider.user("pauses")
    number = begin(box, old, user, person)
    copied(box, number)
    box.cli("move-in", "pause", str(number))
    with old.client(user) as client:
        client.append("INBOX", letter("late", "joe@else.test", "x@y.test"))
    time.sleep(0.5)
    assert move(box, number)["is_paused"]
    assert picture_here(box, person) == {}
    box.cli("move-in", "resume", str(number))
    wait_until(lambda: picture_here(box, person) != {}, "it goes on")
    box.cli("move-in", "end", str(number))
    assert move(box, number)["state"] == "ended"
    database = (box.state / "appliance.db").read_bytes()
    assert move(box, number)["shown"] == 1
    assert b"pauses" in database + (box.state / "appliance.db-wal").read_bytes()
    box.cli("move-in", "remove", str(number))
    assert f'"number": {number},' not in box.cli("move-in", "list", "--json")
