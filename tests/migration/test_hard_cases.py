"""Servers with labels, servers that misbehave, and the end of a move."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from email import message_from_bytes
from pathlib import Path

import pytest

from appliance import control
from tests.migration.labels import Labels
from tests.migration.old_server import SETTINGS, copied, move, picture_here
from tests.relay.authority import Authority
from tests.support.box import Box, Person, wait_until
from tests.support.mail import letter, stored_messages


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def box(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    settings = SETTINGS.format(ca=authority.file, more="")
    with Box(tmp_path_factory.mktemp("box"), settings=settings) as running:
        yield running


@pytest.fixture
def labels(authority: Authority) -> Iterator[Labels]:
    context, _ = authority.server("localhost")
    mail = [letter(f"m{number}", "joe@else.test", "x@y.test") for number in range(6)]
    found = Labels(context, mail, {"INBOX": list(range(6))})
    yield found
    found.close()


def begin(box: Box, labels: Labels, person: Person, host: str = "localhost") -> int:
    there = {"host": host, "user": "joe", "password": "secret", "port": labels.port}
    number = control.ask(box.state, "move_add", account=person.address, there=there)
    assert isinstance(number, int)
    return number


def pressed_on(box: Box, number: int) -> dict[str, object]:
    """Do not wait until it tries again by itself."""

    def is_copied() -> bool:
        box.cli("move-in", "now", str(number))
        time.sleep(0.05)
        return move(box, number)["state"] == "following"

    wait_until(is_copied, "all is copied", seconds=30)
    return move(box, number)


def subjects(box: Box, person: Person, folder: str) -> list[str]:
    found = stored_messages(box, person, folder)
    return [message_from_bytes(each)["Subject"].removeprefix("About ") for each in found]


def test_labels_become_folders_and_all_mail_brings_only_the_rest(box: Box, labels: Labels) -> None:
    person = box.person("labels")
    labels.folders = {
        "INBOX": [0, 1], "Work": [1, 2], "[Gmail]": [], "[Gmail]/Sent Mail": [3],
        "[Gmail]/All Mail": [0, 1, 2, 3, 4], "[Gmail]/Starred": [0, 1], "[Gmail]/Important": [2],
        "[Gmail]/Bin": [5],
    }  # fmt: skip
    told = copied(box, begin(box, labels, person))
    assert {name: subjects(box, person, name) for name in ("", ".Work", ".Sent", ".Archive", ".Trash")} == {
        "": ["m0", "m1"], ".Work": ["m1", "m2"], ".Sent": ["m3"], ".Archive": ["m4"], ".Trash": ["m5"],
    }  # fmt: skip
    assert not list(box.maildir(person).glob("*Gmail*"))
    assert (told["here"], told["shown"]) == (11, 11)
    fetched = [each for each in labels.said if b"BODY.PEEK[]" in each]
    assert len(fetched) == 5, "nothing is fetched only to see that it is here"
    assert not [each for each in labels.said if b"SELECT" in each or b"STORE" in each]


def test_a_message_at_which_the_server_hangs_up_keeps_none_of_the_others(
    box: Box, labels: Labels
) -> None:
    person = box.person("hangs")
    labels.hangs_up_at = 2
    number = begin(box, labels, person)
    told = pressed_on(box, number)
    assert sorted(subjects(box, person, "")) == ["m0", "m1", "m3", "m4", "m5"]
    assert (told["here"], told["left"]) == (5, 1)
    labels.hangs_up_at = -1


def test_a_message_that_the_server_refuses_is_named(box: Box, labels: Labels) -> None:
    person = box.person("refuses")
    labels.refuses = {4: "NO [SERVERBUG] Some of it is lost"}
    told = copied(box, begin(box, labels, person))
    assert sorted(subjects(box, person, "")) == ["m0", "m1", "m2", "m3", "m5"]
    (left,) = told["left_out"]
    assert "Some of it is lost" in left["why"]
    assert left["about"].endswith("About m4")


def test_a_message_that_cannot_even_be_described_keeps_none_of_the_others(
    box: Box, labels: Labels
) -> None:
    person = box.person("hides")
    labels.hides = {2, 5}
    told = copied(box, begin(box, labels, person))
    assert sorted(subjects(box, person, "")) == ["m0", "m1", "m3", "m4"]
    assert {each["uid"] for each in told["left_out"]} == {3, 6}


def test_a_limit_in_the_middle_leaves_nothing_out(box: Box, labels: Labels) -> None:
    person = box.person("limit")
    labels.refuses = {3: "NO [LIMIT] Too much for today"}
    number = begin(box, labels, person)
    wait_until(lambda: "Too much for today" in move(box, number)["trouble"], "it is told")
    assert (move(box, number)["state"], move(box, number)["left"]) == ("copying", 0)
    labels.refuses = {}
    assert pressed_on(box, number)["here"] == 6


def test_large_mail_comes_piece_by_piece(box: Box, labels: Labels) -> None:
    person = box.person("large")
    body = "".join(f"{line:060}\r\n" for line in range(60_000))
    labels.mail.append(letter("large", "joe@else.test", "x@y.test", body))
    labels.folders["INBOX"].append(6)
    copied(box, begin(box, labels, person))
    assert stored_messages(box, person)[-1] == labels.mail[6]
    asked = [each for each in labels.said if b"UID FETCH 7 (BODY.PEEK[]<" in each]
    assert len(asked) == 4


def test_a_server_that_is_asked_too_much_is_left_alone(box: Box, labels: Labels) -> None:
    person = box.person("pressed")
    number = begin(box, labels, person)
    copied(box, number)
    labels.limit = "NO [LIMIT] Request is throttled. Suggested Backoff Time: 299962 milliseconds"
    box.cli("move-in", "now", str(number))
    wait_until(lambda: "throttled" in move(box, number)["trouble"], "it is told")
    wait_until(lambda: 250 < move(box, number)["next_at"] - time.time() < 301, "it waits")


def test_a_server_that_cannot_prove_its_name_gets_no_password(box: Box, labels: Labels) -> None:
    with pytest.raises(Exception, match=r"could not prove that it is 127\.0\.0\.1"):
        begin(box, labels, box.person("proves"), host="127.0.0.1")
    assert labels.said == []


def test_a_move_follows_counts_what_is_only_here_and_ends_by_itself(
    box: Box, labels: Labels
) -> None:
    person = box.person("ends")
    number = begin(box, labels, person)
    copied(box, number)
    labels.mail.append(letter("new", "joe@else.test", "x@y.test"))
    labels.folders["INBOX"].append(6)
    box.terminate()
    incoming = box.maildir(person) / "new" / f"{int(time.time()) + 5}.A1.pillarbox"
    incoming.write_bytes(letter("only-here", "joe@else.test", person.address))
    box.start()
    wait_until(lambda: move(box, number)["only_here"] == 1, "it has looked", seconds=30)
    assert move(box, number)["here"] == 7
    box.terminate()
    with sqlite3.connect(box.state / "appliance.db") as database:
        past = time.time() - 31 * 86_400
        database.execute(
            "update migration_moves set copied_at = ? where number = ?", [past, number]
        )
    box.start()
    wait_until(lambda: move(box, number)["state"] == "ended", "it has ended")
    assert "30 days ago" in move(box, number)["words"]
    assert len(picture_here(box, person)["INBOX"]) == 8
    with sqlite3.connect(box.state / "appliance.db") as database:
        query = "select secret from migration_moves where number = ?"
        assert database.execute(query, [number]).fetchone() == ("",)
    owner = box.account("anna")
    wait_until(lambda: "has ended" in _subjects_of_letters(box, owner), "it is told in a letter")


def _subjects_of_letters(box: Box, owner: Person) -> str:
    return " ".join(
        message_from_bytes(each)["Subject"] or "" for each in stored_messages(box, owner)
    )


def test_an_account_that_is_gone_here_ends_its_move(
    box: Box, labels: Labels, tmp_path: Path
) -> None:
    person = box.person("gone")
    number = begin(box, labels, person)
    copied(box, number)
    box.cli("account", "remove", person.address)
    box.cli("move-in", "now", str(number))
    wait_until(lambda: move(box, number)["state"] == "ended", "it has ended")
    assert move(box, number)["words"] == f"There is no account {person.address} any more."
