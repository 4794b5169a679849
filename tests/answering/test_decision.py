"""Which mail gets an automatic answer, and which never does."""

from datetime import date

import pytest

from appliance.accounts.directory import Account, Directory, Forward
from appliance.answering.answer import Answer, checked
from appliance.answering.decision import (
    MOST_AN_HOUR,
    REPEAT_SECONDS,
    Came,
    History,
    history_refusal,
    refusal,
    sender_key,
)
from appliance.errors import Refused
from appliance.office.replying import is_own

TO_ANNA = b"From: eve@example.net\r\nTo: anna@office.test\r\n"
NOW = 1_795_000_000.0


def account(address):
    return Account(address, "", 0, "", None)


HOUSE = Directory(
    domains=frozenset(("office.test",)),
    accounts={each: account(each) for each in ("anna@office.test", "ben@office.test")},
    aliases={
        "sales@office.test": ("anna@office.test",),
        "all@office.test": ("anna@office.test", "ben@office.test"),
        "@office.test": ("anna@office.test",),
    },
    forwards={"ben@office.test": Forward("anna@office.test", keeps_copy=True)},
)


def of_anna(address):
    return is_own(HOUSE, "anna@office.test", address)


def why_not(header=TO_ANNA, sender="eve@example.net", **more):
    return refusal(Came(sender, header, **more), of_anna)


def test_somebody_who_writes_to_her_gets_one():
    assert why_not() == ""


@pytest.mark.parametrize("field", ["To", "Cc", "Bcc", "Resent-To", "Resent-Cc", "Resent-Bcc"])
def test_her_address_may_stand_in_any_field_of_recipients(field):
    assert why_not(b"From: eve@example.net\r\n%b: anna@office.test\r\n" % field.encode()) == ""


@pytest.mark.parametrize(
    "address", ["anna@office.test", "Anna+shop@OFFICE.test", "sales@office.test"]
)
def test_each_address_that_is_hers_alone_counts(address):
    assert why_not(b"To: Somebody <x@example.org>, <%b>\r\n" % address.encode()) == ""


@pytest.mark.parametrize(
    "address",
    [
        "all@office.test",  # a group's: everybody of it would answer
        "ben@office.test",  # passed on to her
        "nobody@office.test",  # only the catch-all takes it
        "postmaster@office.test",
        "anna@office.test.example.net",
        "not an address",
    ],
)
def test_what_came_to_others_and_reached_her_does_not(address):
    header = b"From: eve@example.net\r\nTo: %b\r\n" % address.encode()
    assert why_not(header) == "it is not addressed to this person"


def test_a_blind_copy_gets_none():
    assert why_not(b"From: eve@example.net\r\nTo: somebody@example.org\r\n")


@pytest.mark.parametrize(
    "field",
    [
        "Auto-Submitted: auto-replied",
        "Auto-Submitted: auto-generated (a cron job)",
        "AUTO-SUBMITTED: auto-notified; owner-email=x",
        "List-Id: <news.example.net>",
        "List-Unsubscribe: <https://example.net/>",
        "List-Post:\r\n <mailto:news@example.net>",
        "Precedence: bulk",
        "Precedence: Junk",
        "precedence: (what) list",
        "X-Auto-Response-Suppress: OOF, AutoReply",
    ],
)
def test_programs_and_lists_get_none(field):
    assert why_not(TO_ANNA + field.encode() + b"\r\n")


@pytest.mark.parametrize("field", ["Auto-Submitted: no", "Precedence: first-class", "Listing: x"])
def test_people_who_say_that_they_are_people_get_one(field):
    assert why_not(TO_ANNA + field.encode() + b"\r\n") == ""


@pytest.mark.parametrize(
    "sender",
    [
        "",
        "MAILER-DAEMON@example.net",
        "mailer-daemon",
        "owner-news@example.net",
        "news-owner@example.net",
        "news-request@example.net",
        "news-bounces@example.net",
        "bounces+17-anna=office.test@example.net",
        "noreply@example.net",
        "no-reply@example.net",
        "shop.no_reply@example.net",
        "DoNotReply@example.net",
        "do-not-reply+3@example.net",
        "listserv@example.net",
        "anna@office.test",
        "anna+self@office.test",
        "sales@office.test",
    ],
)
def test_senders_that_never_get_one(sender):
    assert why_not(sender=sender)


@pytest.mark.parametrize("sender", ["norah@example.net", "requester@example.net", "e.owner@a.test"])
def test_senders_that_only_look_like_it_get_one(sender):
    assert why_not(sender=sender) == ""


@pytest.mark.parametrize(
    "verdict",
    ["spf=fail dkim=none dmarc=none", "spf=softfail dmarc=none", "spf=pass dkim=pass dmarc=fail"],
)
def test_a_sender_that_may_be_forged_gets_none(verdict):
    """Or the answer would hit somebody who never wrote (backscatter)."""
    assert why_not(verdict=verdict) == "its sender is not proven"


def test_a_broken_signature_alone_proves_nothing():
    assert why_not(verdict="spf=pass dkim=fail dmarc=pass") == ""


def test_junk_gets_none():
    assert why_not(is_junk=True) == "it is junk"


def test_each_sender_gets_one_a_week():
    assert history_refusal(History(None, 0), NOW) == ""
    assert history_refusal(History(NOW - REPEAT_SECONDS + 1, 0), NOW)
    assert history_refusal(History(NOW - REPEAT_SECONDS, 0), NOW) == ""


def test_a_clock_that_was_set_back_sends_no_second_one():
    assert history_refusal(History(NOW + 3600.0, 0), NOW)


def test_an_account_answers_so_often_within_an_hour_and_no_more():
    assert history_refusal(History(None, MOST_AN_HOUR - 1), NOW) == ""
    assert history_refusal(History(None, MOST_AN_HOUR), NOW)


def test_a_signed_return_path_is_the_same_sender_every_day():
    """BATV: the tag changes by the day."""
    assert sender_key("prvs=4312fa5c1a=Eve@Example.net") == sender_key("eve@example.net")


@pytest.mark.parametrize(
    ("begin", "end", "day", "holds"),
    [
        ("", "", "2027-03-01", True),
        ("2027-03-01", "2027-03-12", "2027-02-28", False),
        ("2027-03-01", "2027-03-12", "2027-03-01", True),
        ("2027-03-01", "2027-03-12", "2027-03-12", True),  # the whole last day
        ("2027-03-01", "2027-03-12", "2027-03-13", False),
    ],
)
def test_the_days_of_an_answer(begin, end, day, holds):
    answer = Answer(is_on=True, begin=begin, end=end, text="away")
    assert answer.holds(date.fromisoformat(day)) is holds
    assert not Answer(begin=begin, end=end, text="away").holds(date.fromisoformat(day))


@pytest.mark.parametrize(
    "answer",
    [
        Answer(is_on=True),
        Answer(is_on=True, text="x", begin="2027-03-02", end="2027-03-01"),
        Answer(is_on=True, text="x", begin="1 March"),
        Answer(is_on=True, text="x", subject="two\nlines"),
        Answer(is_on=True, text="x" * 20_001),
    ],
)
def test_an_answer_that_makes_no_sense_is_refused(answer):
    with pytest.raises(Refused):
        checked(answer)


def test_colleagues_may_get_another_text():
    answer = Answer(is_on=True, text="for all", inside_text="for us")
    assert (answer.words(is_inside=False), answer.words(is_inside=True)) == ("for all", "for us")
    assert answer.mark(is_inside=False) != answer.mark(is_inside=True)
    assert Answer(text="same").words(is_inside=True) == "same"
