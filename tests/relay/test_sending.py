"""Sending: what goes over the wire, and what each answer means."""

import asyncio
import os

import pytest

from appliance.net.resolver import Mx, Outcome
from appliance.relay.letter import Result, To
from tests.relay.conftest import MESSAGE
from tests.relay.peers import Peer

DONE, LATER, NEVER = Result.DONE, Result.LATER, Result.NEVER


def results(verdicts):
    return [each.result for each in verdicts]


def test_a_message_arrives_octet_for_octet_without_our_return_path(told):
    async def story(world):
        peer = await world.peer(Peer())
        world.mail_host("else.test", ("mx.else.test", "127.0.0.1"))
        relay = world.relay()
        (verdict,) = await world.send(relay, "anna@else.test")
        assert verdict.result is DONE
        assert verdict.diagnostic == "250 2.0.0 taken"
        assert verdict.remote == "mx.else.test [127.0.0.1]"
        assert peer.messages == [MESSAGE]
        assert peer.commands[:3] == [
            "EHLO box.office.test",
            f"MAIL FROM:<ben@office.test> SIZE={len(MESSAGE)}",
            "RCPT TO:<anna@else.test>",
        ]
        await relay.close()

    told(story)


@pytest.mark.parametrize("size", [1, 128 * 1024 - 2, 128 * 1024, 128 * 1024 + 1, 900_000])
def test_dots_and_sizes_around_a_piece_change_nothing(told, size):
    content = (b"Subject: x\r\n\r\n" + b".\r\n..\r\n\r\n.x" * (size // 9 + 1))[: size + 14]

    async def story(world):
        peer = await world.peer(Peer())
        world.mail_host("else.test", ("mx.else.test", "127.0.0.1"))
        await world.send(world.relay(), "anna@else.test", content=content)
        whole = content if content.endswith(b"\r\n") else content.removesuffix(b"\r") + b"\r\n"
        assert peer.messages == [whole]

    told(story)


def test_one_transaction_serves_many_and_each_gets_its_own_answer(told):
    def rcpt(line):
        if "gone" in line:
            return "550 5.1.1 <gone@else.test>: nobody of that name"
        return "452 4.2.2 full" if "full" in line else "250 ok"

    async def story(world):
        peer = await world.peer(Peer({"RCPT": rcpt}))
        world.mail_host("else.test", ("mx.else.test", "127.0.0.1"))
        found = await world.send(world.relay(), "a@else.test", "gone@else.test", "full@else.test")
        assert results(found) == [DONE, NEVER, LATER]
        assert found[1].status == "5.1.1"
        assert found[1].reason == "The other server says that nobody has this address."
        assert found[1].diagnostic == "550 5.1.1 <gone@else.test>: nobody of that name"
        assert len(peer.messages) == 1

    told(story)


def test_the_next_message_uses_the_same_connection(told):
    async def story(world):
        peer = await world.peer(Peer())
        world.mail_host("else.test", ("mx.else.test", "127.0.0.1"))
        relay = world.relay()
        for _ in range(5):
            assert results(await world.send(relay, "a@else.test")) == [DONE]
        assert peer.connections == 1
        assert len(peer.messages) == 5
        await relay.close()
        assert peer.commands[-1] == "QUIT"

    told(story)


def test_a_connection_that_the_peer_closed_meanwhile_is_opened_anew(told):
    async def story(world):
        peer = await world.peer(Peer({"MAIL": ["250 ok", "421 4.4.2 you were away", "250 ok"]}))
        world.mail_host("else.test", ("mx.else.test", "127.0.0.1"))
        relay = world.relay()
        assert results(await world.send(relay, "a@else.test")) == [DONE]
        assert results(await world.send(relay, "a@else.test")) == [DONE]
        assert peer.connections == 2

    told(story)


# --- whom to ask


def test_servers_are_asked_in_order_until_one_takes_part(told):
    async def story(world):
        world.port = 0
        busy = await world.peer(Peer({"CONNECT": "421 4.3.2 busy"}), "127.0.0.2")
        rude = await world.peer(Peer({"CONNECT": None}), "127.0.0.3")
        good = await world.peer(Peer(), "127.0.0.4")
        hosts = [("one.else.test", "127.0.0.1"), ("two.else.test", "127.0.0.2")]
        hosts += [("three.else.test", "127.0.0.3"), ("four.else.test", "127.0.0.4")]
        world.mail_host("else.test", *hosts)
        assert results(await world.send(world.relay(), "a@else.test")) == [DONE]
        assert (busy.connections, rude.connections, len(good.messages)) == (1, 1, 1)

    told(story)


def test_ipv6_goes_first_and_ipv4_helps_out(told):
    async def story(world):
        six = await world.peer(Peer(), "::1")
        world.names.add("else.test", "MX", Mx(10, "mx.else.test"))
        world.names.add("mx.else.test", "AAAA", "::1")
        world.names.add("mx.else.test", "A", "127.0.0.9")
        assert results(await world.send(world.relay(), "a@else.test")) == [DONE]
        assert len(six.messages) == 1
        four = await world.peer(Peer(), "127.0.0.9")
        world.names.add("mx.else.test", "AAAA", "::2")
        assert results(await world.send(world.relay(), "a@else.test")) == [DONE]
        assert len(four.messages) == 1

    told(story)


def test_a_domain_without_mx_is_its_own_server(told):
    async def story(world):
        peer = await world.peer(Peer())
        world.names.add("else.test", "A", "127.0.0.1")
        assert results(await world.send(world.relay(), "a@else.test")) == [DONE]
        assert len(peer.messages) == 1

    told(story)


@pytest.mark.parametrize(
    ("records", "result", "status", "reached"),
    [
        ({}, NEVER, "5.1.2", True),
        ({("else.test", "MX"): (Mx(0, ""),)}, NEVER, "5.1.10", True),
        ({("else.test", "MX"): (Outcome.FAILED,)}, LATER, "4.4.3", False),
        ({("else.test", "MX"): (Mx(5, "box.office.test"), Mx(9, "b.test"))}, NEVER, "5.4.6", True),
        ({("else.test", "MX"): (Mx(5, "mx.else.test"),)}, LATER, "4.4.4", False),
        (
            {("else.test", "MX"): (Mx(5, "m.test"),), ("m.test", "A"): ("127.0.0.99",)},
            NEVER,
            "5.4.6",
            True,
        ),
    ],
)
def test_what_the_dns_says_decides(told, records, result, status, reached):
    async def story(world):
        world.port = 9
        world.names.table = dict(records)
        relay = world.relay(own_addresses=frozenset({"127.0.0.99"}))
        (verdict,) = await world.send(relay, "a@else.test")
        assert (verdict.result, verdict.status, verdict.reached) == (result, status, reached)
        assert verdict.reason.endswith(".")

    told(story)


def test_nobody_answering_is_told_apart_from_a_refusal(told):
    async def story(world):
        peer = await world.peer(Peer())
        await peer.stop()
        world.mail_host("else.test", ("mx.else.test", "127.0.0.1"))
        (verdict,) = await world.send(world.relay(), "a@else.test")
        assert (verdict.result, verdict.reached) == (LATER, False)
        assert verdict.reason == "mx.else.test does not answer."

    told(story)


# --- peers that misbehave

STEPS = ("CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "END")


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(
    "answer",
    [
        "421 4.3.2 going down",
        "451 4.7.1 greylisted, try later",
        None,
        "",
        b"\xff\xfe\x00rubbish\r\n",
        b"250",
        b"x" * 100_000,
        b"250-" * 30_000,
        b"250-more\r\n" * 10_000,
        "999 what",
        "250 2.0.0 fine",
        "550 5.7.1 no",
    ],
    ids=str,
)
def test_whatever_a_peer_says_at_whatever_step_the_message_is_neither_lost_nor_stuck(
    told, step, answer
):
    async def story(world):
        peer = await world.peer(Peer({step: answer}))
        world.mail_host("else.test", ("mx.else.test", "127.0.0.1"))
        relay = world.relay(patience_seconds=0.3)
        (verdict,) = await asyncio.wait_for(world.send(relay, "a@else.test"), 10)
        assert verdict.reason or verdict.result is DONE
        if verdict.result is DONE:
            assert len(peer.messages) == 1
            assert isinstance(answer, str)
            assert answer.startswith("250")
        if verdict.result is NEVER:
            assert answer == "550 5.7.1 no"
            assert step in {"MAIL", "RCPT", "DATA", "END"}
        await relay.close()

    told(story)


def test_a_peer_that_drops_the_connection_after_the_dot_gets_the_message_again(told):
    async def story(world):
        peer = await world.peer(Peer({"END": [None, "250 ok"]}))
        world.mail_host("else.test", ("mx.else.test", "127.0.0.1"))
        relay = world.relay()
        (verdict,) = await world.send(relay, "a@else.test")
        assert verdict.result is LATER
        assert "may have kept it" in verdict.reason
        assert results(await world.send(relay, "a@else.test")) == [DONE]
        assert len(peer.messages) == 2

    told(story)


def test_a_message_file_that_cannot_be_read_waits(told):
    async def story(world):
        await world.peer(Peer())
        world.mail_host("else.test", ("mx.else.test", "127.0.0.1"))
        letter = world.letter(body="8BITMIME")
        os.unlink(letter.path)
        (verdict,) = await world.relay().send(letter, [To("a@else.test")], "else.test")
        assert verdict.result is LATER

    told(story)


# --- what servers can do

EHLO = "250-peer.test\r\n250-{}\r\n250 HELP"


def test_dsn_parameters_are_passed_on_to_whom_knows_them(told):
    async def story(world):
        peer = await world.peer(Peer({"EHLO": EHLO.format("DSN")}))
        world.mail_host("else.test", ("mx.else.test", "127.0.0.1"))
        to = To("a@else.test", ("SUCCESS", "FAILURE"), "rfc822;A+40else.test")
        (verdict,) = await world.send(world.relay(), to, ret="HDRS", envid="Q1")
        assert verdict.took_dsn
        assert peer.commands[1:3] == [
            "MAIL FROM:<ben@office.test> RET=HDRS ENVID=Q1",
            "RCPT TO:<a@else.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;A+40else.test",
        ]

    told(story)


UTF8 = "Subject: Grüße\r\n\r\nHallo\r\n".encode()
EIGHT = "Subject: x\r\n\r\nGrüße\r\n".encode()


@pytest.mark.parametrize(
    ("offers", "to", "content", "more", "status", "mail"),
    [
        ("SMTPUTF8", "jürgen@else.test", MESSAGE, {"smtputf8": True}, "2", " SMTPUTF8"),
        ("HELP", "jürgen@else.test", MESSAGE, {"smtputf8": True}, "5.6.7", None),
        ("HELP", "a@else.test", MESSAGE, {"smtputf8": True}, "2", ""),
        ("HELP", "a@else.test", UTF8, {"smtputf8": True}, "5.6.7", None),
        ("8BITMIME", "a@else.test", EIGHT, {"body": "8BITMIME"}, "2", " BODY=8BITMIME"),
        ("HELP", "a@else.test", EIGHT, {"body": "8BITMIME"}, "5.6.3", None),
        ("HELP", "a@else.test", MESSAGE, {"body": "8BITMIME"}, "2", ""),
        ("HELP", "a@else.test", EIGHT, {"body": "BINARYMIME"}, "5.6.3", None),
        ("SIZE 10", "a@else.test", MESSAGE, {}, "5.3.4", None),
        ("REQUIRETLS", "a@else.test", MESSAGE, {"require_tls": True}, "4.7.5", None),
    ],
)
def test_downgrading_follows_the_rules(told, offers, to, content, more, status, mail):  # noqa: PLR0917 - a table
    async def story(world):
        peer = await world.peer(Peer({"EHLO": EHLO.format(offers)}))
        world.mail_host("else.test", ("mx.else.test", "127.0.0.1"))
        (verdict,) = await world.send(world.relay(), to, content=content, **more)
        assert verdict.status.startswith(status)
        if mail is None:
            assert not any(each.startswith("MAIL") for each in peer.commands)
        else:
            assert peer.commands[1] == "MAIL FROM:<ben@office.test>" + mail

    told(story)


def test_a_domain_in_other_letters_is_written_in_ascii_where_nothing_else_needs_them(told):
    async def story(world):
        peer = await world.peer(Peer({"EHLO": EHLO.format("HELP")}))
        world.mail_host("xn--bcher-kva.test", ("mx.else.test", "127.0.0.1"))
        assert results(await world.send(world.relay(), "a@bücher.test")) == [DONE]
        assert "RCPT TO:<a@xn--bcher-kva.test>" in peer.commands

    told(story)


def test_binary_goes_by_bdat(told):
    content = b"Subject: x\r\n\r\n\x00\x01\n.\r\nbare\r"

    async def story(world):
        offers = "250-peer.test\r\n250-CHUNKING\r\n250 BINARYMIME"
        peer = await world.peer(Peer({"EHLO": offers, "BDAT": "250 2.0.0 taken"}))
        world.mail_host("else.test", ("mx.else.test", "127.0.0.1"))
        found = await world.send(world.relay(), "a@else.test", content=content, body="BINARYMIME")
        assert results(found) == [DONE]
        assert peer.messages == [content]

    told(story)


def test_an_address_with_a_control_character_never_reaches_the_wire(told):
    async def story(world):
        peer = await world.peer(Peer())
        world.mail_host("else.test", ("mx.else.test", "127.0.0.1"))
        letter = world.letter()
        odd = To('"a\r\nRCPT TO:<x@y.test>"@else.test')
        await world.relay().send(letter, [odd], "else.test")
        assert not any("x@y.test" in each for each in peer.commands)

    told(story)
