"""What replies mean, and which are about us."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.relay.letter import Result, Verdict
from appliance.relay.replies import plain, refuses_us, status_of, verdict
from appliance.relay.transparency import Stuffing

BASE = Verdict(Result.LATER)


@pytest.mark.parametrize(
    ("code", "text", "about_us"),
    [
        (550, "5.7.1 Service unavailable, Client host [192.0.2.1] blocked using Spamhaus", True),
        (554, "5.7.1 Your IP is listed on our blocklist", True),
        (550, "5.7.25 The IP address sending this message does not have a PTR record", True),
        (550, "Mail from dynamic address not accepted, use your provider's relay", True),
        (421, "4.7.0 Connections from 192.0.2.7 temporarily blocked by reputation", True),
        (550, "5.7.1 Unauthenticated email is not accepted from this domain due to DMARC", False),
        (550, "5.1.1 user unknown", False),
        (550, "5.7.1 relaying denied", False),
        (550, "5.1.1 user unknown; see our blocklist", False),
        (552, "5.2.2 mailbox full", False),
        (250, "ok, not on a blocklist", False),
    ],
)
def test_refusals_that_are_about_our_address_are_told_apart(code, text, about_us):
    assert refuses_us(code, text) is about_us


@pytest.mark.parametrize(
    ("code", "text", "status"),
    [
        (550, "5.1.1 gone", "5.1.1"),
        (550, "gone", "5.0.0"),
        (550, "4.1.1 liar", "5.0.0"),
        (451, "4.7.1\tgreylisted", "4.7.1"),
        (250, "2.0.0", "2.0.0"),
        (99, "?", "4.0.0"),
        (550, "5.001.01 x", "5.1.1"),
    ],
)
def test_the_enhanced_status_counts_where_it_agrees(code, text, status):
    assert status_of(code, text) == status


@given(st.integers(-1, 1000), st.text())
def test_any_reply_gives_a_verdict_on_one_bounded_line(code, text):
    found = verdict(code, text, "the message", BASE)
    assert found.result is not Result.DONE or 200 <= code < 300
    assert found.result is not Result.NEVER or 500 <= code < 600
    assert len(found.diagnostic) <= 720
    assert found.diagnostic.isprintable()
    assert plain(text) == plain(plain(text))


@given(st.lists(st.sampled_from([b".", b"\r\n", b"\r", b"\n", b"a", b"..", b"\r\n."])))
def test_pieces_make_no_difference_to_dots(pieces):
    whole = Stuffing()
    expected = whole.feed(b"".join(pieces)) + whole.finish()
    piecewise = Stuffing()
    assert b"".join(map(piecewise.feed, pieces)) + piecewise.finish() == expected
    assert expected == b"" or expected.endswith(b"\r\n")
    assert b"\r\n.\r\n" not in b"\r\n" + expected


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (550, "5.7.606 Access denied, banned sending IP [192.0.2.9]. To request removal visit"),
        (550, "5.7.1 The IP you're using is not authorized to send email directly to our servers."),
        (550, "5.7.1 Please use the SMTP relay at your service provider instead."),
        (554, "5.7.1 <unknown[192.0.2.9]>: Client host rejected: cannot find your hostname"),
        (554, "IP=192.0.2.9 - A problem occurred. (Ask your postmaster for help)"),
        (550, "5.7.1 Dynamic IP addresses are not accepted here"),
        (553, "5.3.0 DNSBL:RBL 521< 192.0.2.9 >_is_blocked"),
        (550, "5.7.1 Access denied"),
        (550, "5.7.1 We do not accept mail from dynamic addresses"),
    ],
)  # fmt: skip
def test_what_large_providers_say_to_an_unwanted_address(code, text):
    assert refuses_us(code, text)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (554, "5.7.1 <a@b.test>: Relay access denied"),
        (550, "5.7.1 Message content rejected, UBE"),
        (550, "5.7.26 Unauthenticated email is not accepted due to domain's DMARC policy"),
        (550, "5.1.1 <x@y.test>: Recipient address rejected: User unknown"),
        (552, "5.2.2 mailbox full"),
        (550, "5.7.1 Mail is not accepted from this sender"),
    ],
)
def test_what_is_said_of_a_message_or_a_recipient(code, text):
    assert not refuses_us(code, text)


def test_a_refusal_before_anything_was_said_can_only_be_about_us():
    assert refuses_us(554, "no", "the connection")
    assert not refuses_us(421, "busy", "the connection")
