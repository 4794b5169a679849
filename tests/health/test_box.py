"""A whole box: something goes wrong, and everybody who should know is told once."""

import email
import email.policy
import json
import time

import pytest

from appliance import control
from appliance.accounts.database import AccountsDatabase
from appliance.health.book import Book
from tests.health.receiver import receiver
from tests.relay.authority import Authority
from tests.support.box import Box, wait_until
from tests.support.mail import letter, submit


@pytest.fixture
def world(tmp_path):
    authority = Authority(tmp_path)
    with receiver(authority.server("localhost")[0]) as hook:
        with receiver(authority.server("localhost")[0]) as push:
            settings = (
                f'[alerts]\nmail_to = "ben@office.test"\nwebhook = "{hook.url}"\n'
                f'ntfy = "{push.url}"\nca_file = "{authority.file}"\n'
                "fault_seconds = 0\nattention_minutes = 0\n"
            )
            with Box(tmp_path / "box", settings=settings) as box:
                yield box, hook, push


def letters(box):
    new = box.maildir("ben")
    found = [*new.glob("new/*"), *new.glob("cur/*")]
    return [
        email.message_from_bytes(each.read_bytes(), policy=email.policy.default) for each in found
    ]


def hold_a_message(box):
    anna = box.account("anna")
    submit(box, anna, ["joe@far.test"], letter("out", anna.address, "joe@far.test"))
    (queued,) = [
        each for each in control.ask(box.state, "queue_list") if each["sender"] == anna.address
    ]
    box.cli("queue", "hold", queued["id"])


def test_a_condition_is_told_by_mail_webhook_and_push_once_over_a_restart(world):
    box, hook, push = world
    hold_a_message(box)
    assert "1 message is held back." in box.cli("health")
    wait_until(lambda: hook.got and push.got and letters(box), "all are told")

    (_, _, body) = hook.got[0]
    told = json.loads(body)
    assert [each["key"] for each in told["standing"]] == ["health-queue-held"]
    (_, headers, text) = push.got[0]
    assert headers["Title"].endswith(": 1 message is held back.")
    assert b"pillarbox queue list" in text
    (message,) = letters(box)
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["From"].addresses[0].addr_spec == "postmaster@office.test"
    assert "1 message is held back." in message.get_content()

    box.terminate()
    box.start()
    assert "1 message is held back." in box.cli("health")
    with pytest.raises(AssertionError):
        wait_until(lambda: len(hook.got) + len(push.got) + len(letters(box)) > 3, "", seconds=5)


def test_a_channel_that_fails_stands_on_the_board_and_is_not_tried_in_a_loop(world):
    box, hook, push = world
    hook.status = 500
    hold_a_message(box)
    box.cli("health")
    wait_until(lambda: push.got and hook.got, "they are tried")

    def keys():
        return [each["key"] for each in control.ask(box.state, "status")["conditions"]]

    wait_until(lambda: "health-alert-channel" in keys(), "it is on the board")
    tried = len(hook.got)
    done = box.try_cli("health", "test-alert")
    assert done.returncode == 1
    assert "webhook: the server answered 500" in done.stdout
    assert "ntfy: taken" in done.stdout
    assert done.stderr == "The test did not get through by webhook.\n"
    assert len(hook.got) <= tried + 2  # the test, and no loop
    assert hook.url not in box.log()


def test_the_report_is_printed_and_arrives_when_it_is_due(world):
    box, _, _ = world
    submit(box, box.account("anna"), ["anna@office.test"], letter("in", "a@x", "anna@office.test"))
    printed = box.cli("health", "report")
    assert "Messages sent: 1" in printed
    assert "anna@office.test: " in printed
    assert "No backup has been proven yet." in printed
    box.terminate()
    database = AccountsDatabase(box.state)
    Book(database).reported(1.0)  # long ago
    database.close()
    today = time.strftime("%A").lower()
    was = (box.state / "settings.toml").read_text()
    box.write_settings(f'{was}report_day = "{today}"\nreport_hour = 0\n')
    box.start()
    wait_until(lambda: letters(box), "the report arrives")
    (message,) = letters(box)
    assert message["Subject"].startswith("[Pillarbox] The week of ")
    assert "Messages sent: 1" in message.get_content()
    assert "The largest mailboxes:" in message.get_content()


def test_a_server_that_hangs_holds_up_neither_the_others_nor_the_end(world):
    box, hook, push = world
    hook.hangs = True
    hold_a_message(box)
    box.cli("health")
    wait_until(lambda: hook.got and push.got and letters(box), "the others are told")
    assert box.terminate() == 0


def test_a_box_tells_what_it_measured(world):
    said = json.loads(world[0].cli("health", "--json"))
    assert said["facts"]["certificate"]["is_of_our_ca"] is True
    assert said["facts"]["disks"][0]["used"] > 0
    assert said["facts"]["memory"]["own"] > 0


def test_a_kill_is_no_power_cut_and_an_order_to_stop_is_neither(world):
    box, _, _ = world
    box.terminate()
    box.start()
    assert json.loads(box.cli("health", "--json"))["facts"]["crashes"] == []
    box.kill()
    box.start()
    facts = json.loads(box.cli("health", "--json"))["facts"]
    assert (len(facts["crashes"]), facts["power_cuts"]) == (1, [])


def test_without_anybody_to_tell_the_test_says_what_to_do(tmp_path):
    with Box(tmp_path) as box:
        done = box.try_cli("health", "test-alert")
        assert done.returncode == 1
        assert "name mail_to, webhook or ntfy" in done.stderr
