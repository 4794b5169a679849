"""The story of a message, asked for on the command line of a running box."""

from __future__ import annotations

import asyncio
import json
import smtplib
import time
from pathlib import Path

import pytest

from appliance.accounts.database import AccountsDatabase
from appliance.cli.trace import told
from appliance.clock import SetClock, SystemClock
from appliance.trace.archive import Archive, Event, Message, Wanted
from appliance.trace.recorder import MOST_WAITING, Recorder
from tests.support.box import Box
from tests.support.mail import letter, submit, wait_for_mail

DAY = 86_400.0


def test_from_hand_to_mailbox(box: Box) -> None:
    anna, ben = box.person("anna"), box.person("ben")
    submit(box, anna, [ben.address], letter("traced", anna.address, ben.address))
    wait_for_mail(box, ben, 1)
    (story,) = json.loads(box.cli("trace", "--from", anna.address, "--json"))
    assert story["message"]["recipients"] == [ben.address]
    assert story["message"]["account"] == anna.address
    assert story["message"]["message_id"] == "traced@example.org"
    assert story["message"]["subject"] == ""
    assert [each["what"] for each in story["events"]] == ["delivered"]
    said = box.cli("trace", "--message-id", "<traced@example.org>")
    assert f"{anna.address} to {ben.address} (sent by {anna.address} from 127.0.0.1; " in said
    assert f"  {ben.address}: delivered into INBOX\n" in said
    assert box.cli("trace", story["message"]["queue_id"]) == said


def test_what_waits_says_why_and_until_when(box: Box) -> None:
    anna = box.person("anna")
    submit(box, anna, ["joe@far.test"], letter("waits", anna.address, "joe@far.test"))
    said = ""
    for _ in range(100):
        said = box.cli("trace", "--to", "joe@far", "--since", "1h")
        if "No way out" in said:
            break
        time.sleep(0.05)
    assert "joe@far.test: deferred: No way out is set up yet" in said
    assert "; next attempt 20" in said
    (waiting,) = [
        each for each in json.loads(box.cli("queue", "list", "--json"))
        if each["sender"] == anna.address
    ]  # fmt: skip
    box.cli("queue", "delete", waiting["id"])
    assert "  deleted\n" in box.cli("trace", waiting["id"])


def test_what_was_refused_is_told_too(box: Box) -> None:
    with smtplib.SMTP("127.0.0.1", box.port(25)) as client:
        client.ehlo("mx.else.test")
        client.mail("joe@else.test")
        assert client.rcpt("nobody.at.all@office.test")[0] == 550
    said = box.cli("trace", "--to", "nobody.at.all")
    assert "refused  joe@else.test to nobody.at.all@office.test from 127.0.0.1: Nobody" in said


def test_nothing_found_is_said(box: Box) -> None:
    assert "Nothing that fits" in box.cli("trace", "--from", "no-such-person")
    assert box.try_cli("trace", "--since", "yesterday").returncode == 2


@pytest.fixture
def archive(tmp_path: Path):
    database = AccountsDatabase(tmp_path)
    yield Archive(database)
    database.close()


def test_it_is_forgotten_by_age_and_by_number(archive: Archive) -> None:
    messages = [Message(f"Q{n}", n * DAY, "a@b.test", ("c@d.test",), size=1) for n in range(1, 101)]
    archive.write(messages, [Event(each.at, "delivered", each.queue_id) for each in messages])
    archive.prune(100 * DAY, 30, 1000)
    found = archive.find(Wanted(most=200))
    assert len(found) == 31
    assert all(each.message and each.events for each in found)
    archive.prune(100 * DAY, 30, 5)
    names = [each.message.queue_id for each in archive.find(Wanted()) if each.message]
    assert names == ["Q100", "Q99", "Q98", "Q97", "Q96"]


@pytest.mark.parametrize("text", ["%", "_", "' or 1=1 --", "a@b.test' --", "\0", "ü"])
def test_what_is_searched_is_taken_word_for_word(archive: Archive, text: str) -> None:
    archive.write([Message("Q1", 1.0, "a@b.test", ("c@d.test",))], [])
    assert archive.find(Wanted(sender=text)) == []
    assert archive.find(Wanted(recipient=text, message_id=text, queue_id=text)) == []


def test_more_than_can_be_written_makes_room(archive: Archive) -> None:
    recorder = Recorder(archive, SetClock())
    for number in range(MOST_WAITING + 10):
        recorder.refused("192.0.2.1", "x" * 100_000 if not number % 1000 else "", "", str(number))
    assert len(recorder._events) == MOST_WAITING
    assert max(len(each.sender) for each in recorder._events) < 1000


def test_a_refusal_says_whether_the_other_will_try_again(archive: Archive) -> None:
    recorder = Recorder(archive, SystemClock())
    recorder.refused("192.0.2.1", "a@b.test", "c@d.test", "451 4.7.1 Come again in 5 minutes.")
    recorder.refused("192.0.2.1", "a@b.test", "c@d.test", "550 5.1.1 Nobody has this address.")
    asyncio.run(recorder.write())
    said = [told(each, str)[0] for each in archive.find(Wanted())]
    assert sum("refused for now  a@b.test to c@d.test" in each for each in said) == 1
    assert sum("refused  a@b.test to c@d.test" in each for each in said) == 1
    assert any(each.endswith("Nobody has this address. [550 5.1.1]") for each in said)
