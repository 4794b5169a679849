"""What a page tells that waits for a phone: what works, what failed, and what to do."""

from __future__ import annotations

import re
import time

import pytest

from appliance.accounts.login import Attempt, Ending, Service
from appliance.devices.arrivals import (
    MOST_ACCOUNTS,
    MOST_OF_ACCOUNT,
    MOST_OF_STRANGERS,
    Arrivals,
)

ANNA = "anna@office.test"
PHONE = "192.168.1.20"
DESK = "192.168.1.5"
NOW = time.mktime((2026, 11, 24, 10, 42, 0, 0, 0, -1))


def attempt(service=Service.IMAP, ending=Ending.IN, peer=PHONE, name=ANNA):
    return Attempt(name, service, peer, ending, is_account=name == ANNA)


@pytest.fixture
def arrivals():
    return Arrivals()


def story(arrivals, since=NOW - 60, now=NOW + 600, peer=""):
    return arrivals.story(ANNA, since, now, peer)


def test_before_anything_there_is_nothing(arrivals):
    said = story(arrivals)
    assert (said.good, said.bad, said.is_complete) == ((), (), False)
    assert said.summary == "Nothing has arrived yet."


def test_a_phone_that_reads_and_sends_is_connected(arrivals):
    arrivals.note(attempt(), NOW)
    arrivals.introduce(ANNA, PHONE, "iPhone Mail 22A3351")
    assert story(arrivals).summary == (
        "iPhone Mail 22A3351 is connected and can read. It tries sending with its first message."
    )
    arrivals.note(attempt(Service.SMTP), NOW + 60)
    said = story(arrivals)
    assert said.good == (
        "Connected by IMAP at 10:42 from 192.168.1.20 (iPhone Mail 22A3351).",
        "Ready to send by SMTP at 10:43 from 192.168.1.20.",
    )
    assert said.bad == ()
    assert said.is_complete
    assert said.summary == "iPhone Mail 22A3351 is connected: reading and sending work."


def test_a_program_keeps_its_name_when_it_comes_again(arrivals):
    arrivals.note(attempt(), NOW)
    arrivals.introduce(ANNA, PHONE, "iPhone Mail")
    arrivals.note(attempt(), NOW + 5)
    assert story(arrivals).client == "iPhone Mail"


FAILURES = [
    (
        Ending.WRONG_PASSWORD,
        (
            "Wrong password: IMAP at 10:42 from 192.168.1.20. Type it again; the keyboard may have "
            "changed the first letter."
        ),
    ),
    (
        Ending.OTHER_SERVICE,
        (
            "That app password is not for IMAP: IMAP at 10:42 from 192.168.1.20. Use another one, or "
            "make one that is for IMAP too."
        ),
    ),
    (
        Ending.TOO_MANY,
        (
            "Too many wrong passwords: IMAP at 10:42 from 192.168.1.20. Leave the device alone for "
            "ten minutes, then type the right one."
        ),
    ),
    (
        Ending.IN_CLEAR,
        (
            "Tried without encryption, so no password was taken: IMAP at 10:42 from 192.168.1.20. Set "
            "the security of IMAP to SSL/TLS."
        ),
    ),
]


@pytest.mark.parametrize(("ending", "sentence"), FAILURES)
def test_what_failed_is_said_with_what_to_do(arrivals, ending, sentence):
    arrivals.note(attempt(ending=ending), NOW)
    said = story(arrivals)
    assert said.bad == (sentence,)
    assert said.summary == "Something did not work yet."


def test_a_failure_that_was_mended_is_not_told_any_more(arrivals):
    arrivals.note(attempt(ending=Ending.WRONG_PASSWORD), NOW)
    arrivals.note(attempt(Service.SMTP, Ending.WRONG_PASSWORD), NOW)
    arrivals.note(attempt(), NOW + 30)
    said = story(arrivals)
    assert len(said.good) == 1
    assert [each[:20] for each in said.bad] == ["Wrong password: SMTP"]


def test_a_mistyped_address_is_told_to_whom_it_resembles(arrivals):
    arrivals.note(attempt(ending=Ending.UNKNOWN_NAME, name="ana@office.test"), NOW)
    assert story(arrivals).bad == (
        (
            "Unknown user name ana@office.test: IMAP at 10:42 from 192.168.1.20. The user name is the "
            "whole address, anna@office.test."
        ),
    )
    assert arrivals.story("ben@office.test", NOW - 60, NOW + 60).bad == ()


def test_nameless_attempts_are_told_only_for_the_place_of_the_device(arrivals):
    arrivals.note(attempt(ending=Ending.IN_CLEAR, name=""), NOW)
    arrivals.note(attempt(ending=Ending.IN_CLEAR, name="", peer="203.0.113.9"), NOW)
    assert story(arrivals).bad == ()
    assert len(story(arrivals, peer=PHONE).bad) == 1
    arrivals.note(attempt(), NOW)  # now it is known where the account's device is
    arrivals.note(attempt(Service.SMTP, Ending.IN_CLEAR, name=""), NOW + 1)
    assert [each.partition(":")[2] for each in story(arrivals).bad] == [
        " SMTP at 10:42 from 192.168.1.20. Set the security of SMTP to SSL/TLS."
    ]


def test_the_program_on_the_desk_does_not_pass_for_the_new_phone(arrivals):
    for at in (NOW - 900, NOW - 300, NOW + 30):
        arrivals.note(attempt(peer=DESK), at)
        arrivals.note(attempt(Service.SMTP, peer=DESK), at)
    said = story(arrivals)
    assert not said.reads
    assert not said.is_complete
    assert len(said.others) == 2
    # unless it is the desk that is waited for
    assert story(arrivals, peer=DESK).is_complete


def test_only_the_time_that_was_asked_for_counts(arrivals):
    arrivals.note(attempt(), NOW)
    assert story(arrivals, since=NOW + 1).good == ()
    assert story(arrivals, now=NOW - 1).good == ()


def test_the_memory_is_bounded_whatever_is_tried(arrivals):
    for number in range(3 * MOST_ACCOUNTS):
        found = Attempt(f"{number}@office.test", Service.IMAP, PHONE, Ending.IN, is_account=True)
        arrivals.note(found, NOW)
        arrivals.note(attempt(peer=f"10.0.{number // 250}.{number % 250}"), NOW)
        arrivals.note(attempt(name=f"x{number}@office.test", ending=Ending.UNKNOWN_NAME), NOW)
    assert len(arrivals._accounts) == MOST_ACCOUNTS
    assert len(arrivals._accounts[ANNA]) == MOST_OF_ACCOUNT
    assert len(arrivals._strangers) == MOST_OF_STRANGERS
    assert all(not re.match("x", each) for each in arrivals._accounts)


def test_the_name_of_a_program_is_cut_and_cannot_write_lines(arrivals):
    arrivals.note(attempt(), NOW)
    arrivals.introduce(ANNA, PHONE, "Evil\r\nMail\x1b[2J" + "x" * 500)
    assert len(story(arrivals).client) == 60
    assert story(arrivals).client.isprintable()
    arrivals.introduce("nobody@office.test", PHONE, "x")
    arrivals.introduce(ANNA, PHONE, "")
    assert story(arrivals).client.startswith("EvilMail")


def test_a_certificate_that_was_not_trusted_is_told_until_something_works(arrivals):
    arrivals.note_distrust(NOW)
    assert story(arrivals).bad == (
        (
            "A program, perhaps this one, did not trust the box's certificate at 10:42. Install the "
            "profile or the box's own certificate on the device, and trust it there."
        ),
    )
    assert story(arrivals, since=NOW + 1).bad == ()
    arrivals.note(attempt(), NOW + 30)
    assert story(arrivals).bad == ()


def test_logging_in_to_the_page_is_no_mail_program(arrivals):
    arrivals.note(attempt(Service.PAGE), NOW)
    arrivals.note(attempt(Service.PAGE, Ending.WRONG_PASSWORD), NOW)
    assert (story(arrivals).good, story(arrivals).bad) == ((), ())
