"""Peers that break the rules: each ends in an answer, within a bounded time."""

import asyncio
import base64
import ssl
import subprocess

import pytest

from appliance.errors import StorageFull
from appliance.relay import client as client_module
from appliance.relay.letter import Result, Security, To
from appliance.relay.options import Smarthost, Tls
from tests.relay.authority import Authority
from tests.relay.peers import Peer
from tests.relay.test_sending import results

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
DONE, LATER, NEVER = Result.DONE, Result.LATER, Result.NEVER
TLS_EHLO = "250-peer.test\r\n250-STARTTLS\r\n250 AUTH {}"


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


class Hasty(Peer):
    """Leaves right after it asked for the text."""

    async def _message(self, reader):
        raise ConnectionResetError


class Slow(Peer):
    """Says everything octet by octet."""

    async def _say(self, writer, said):
        for octet in said.encode() + b"\r\n":
            writer.write(bytes([octet]))
            await writer.drain()
            await asyncio.sleep(0.05)


def test_a_peer_that_asks_for_the_text_and_leaves_gets_it_later(told):
    async def story(world):
        for number in range(5):
            await world.peer(Hasty({"EHLO": "250 peer.test"}), f"127.0.0.{number + 2}")
        hosts = [(f"mx{n}.else.test", f"127.0.0.{n + 2}") for n in range(5)]
        world.mail_host("else.test", *hosts)
        (verdict,) = await world.send(world.relay(), "a@else.test", content=b"x\r\n" * 1_000_000)
        assert verdict.result is LATER
        assert "broke the connection off" in verdict.reason

    told(story)


def test_two_answers_at_once_are_never_taken_for_the_answer_to_what_comes_next(told):
    async def story(world):
        peer = await world.peer(Peer({"DATA": "354 go\r\n250 2.0.0 taken", "END": "550 5.7.1 no"}))
        world.mail_host("else.test", ("mx.else.test", "127.0.0.1"))
        (verdict,) = await world.send(world.relay(), "a@else.test")
        assert verdict.result is LATER
        assert "nonsense" in verdict.reason
        assert peer.connections == 1

    told(story)


def test_a_yes_where_the_text_should_be_asked_for_is_no_yes(told):
    async def story(world):
        peer = await world.peer(Peer({"DATA": "250 2.0.0 taken"}))
        world.mail_host("else.test", ("mx.else.test", "127.0.0.1"))
        (verdict,) = await world.send(world.relay(), "a@else.test")
        assert (verdict.result, verdict.diagnostic) == (LATER, "250 2.0.0 taken")
        assert peer.messages == []

    told(story)


def test_a_peer_that_answers_octet_by_octet_is_not_waited_for_for_ever(told):
    async def story(world):
        slow = Slow({"RCPT": "250 " + "so slow " * 20})
        await world.peer(slow)
        world.mail_host("else.test", ("mx.else.test", "127.0.0.1"))
        relay = world.relay(patience_seconds=0.3)
        (verdict,) = await asyncio.wait_for(world.send(relay, "a@else.test"), 5)
        assert verdict.result is LATER

    told(story)


def test_the_text_of_a_message_has_a_time_limit_too(told, monkeypatch):
    monkeypatch.setattr(client_module, "_SLOWEST", 10_000_000)

    class Sleepy(Peer):
        async def _message(self, reader):
            while await reader.read(1):
                await asyncio.sleep(0.01)

    async def story(world):
        await world.peer(Sleepy({"EHLO": "250 peer.test"}))
        world.mail_host("else.test", ("mx.else.test", "127.0.0.1"))
        relay = world.relay(patience_seconds=0.2)
        content = b"Subject: x\r\n\r\n" + b"x" * 70 + b"\r\n" * 6_000_000
        (verdict,) = await asyncio.wait_for(world.send(relay, "a@else.test", content=content), 10)
        assert verdict.result is LATER

    told(story)


def test_bare_line_ends_never_go_out(told):
    content = b"Subject: x\r\n\r\na\n.\nMAIL FROM:<x@y.test>\r.\r\nb\rc\r\n.d\n"

    async def story(world):
        peer = await world.peer(Peer())
        world.mail_host("else.test", ("mx.else.test", "127.0.0.1"))
        await world.send(world.relay(), "a@else.test", content=content)
        (got,) = peer.messages
        assert got == (b"Subject: x\r\n\r\na\r\n.\r\nMAIL FROM:<x@y.test>\r\n.\r\nb\r\nc\r\n.d\r\n")

    told(story)


def test_eight_bits_are_declared_whatever_they_came_as(told):
    async def story(world):
        peer = await world.peer(Peer())
        world.mail_host("else.test", ("mx.else.test", "127.0.0.1"))
        content = "Subject: x\r\n\r\nGrüße\r\n".encode()
        await world.send(world.relay(), "a@else.test", content=content, body="7BIT")
        assert peer.commands[1].endswith(" BODY=8BITMIME")

    told(story)


def test_a_server_that_cannot_do_what_is_needed_is_passed_over_for_one_that_can(told):
    async def story(world):
        old = await world.peer(Peer({"EHLO": "250 peer.test"}))
        new = await world.peer(Peer(), "127.0.0.2")
        world.mail_host("else.test", ("old.else.test", "127.0.0.1"), ("new.else.test", "127.0.0.2"))
        found = await world.send(world.relay(), "jürgen@else.test", smtputf8=True)
        assert results(found) == [DONE]
        assert (len(old.messages), len(new.messages)) == (0, 1)

    told(story)


@pytest.mark.parametrize("said", ["452 4.5.3 Too many recipients", "552 too many recipients"])
def test_those_beyond_what_a_server_takes_at_once_go_in_the_next_transaction(told, said):
    count = [0]

    def rcpt(line):
        count[0] += 1
        return "250 ok" if count[0] <= 2 else said

    async def story(world):
        await world.peer(Peer({"RCPT": rcpt}))
        world.mail_host("else.test", ("mx.else.test", "127.0.0.1"))
        found = await world.send(world.relay(), *(f"{n}@else.test" for n in range(4)))
        assert results(found) == [DONE, DONE, LATER, LATER]
        assert [each.at_once for each in found] == [False, False, True, True]

    told(story)


# --- logging in


def accounts(offered, answers):
    return Peer({"EHLO": TLS_EHLO.format(offered), **answers})


class Asking(Peer):
    """Asks for name and password one after the other, as LOGIN does."""

    def answer(self, word, line=""):
        if line.upper().startswith("AUTH PLAIN"):
            return "504 5.5.4 not that one"
        if line.upper() == "AUTH LOGIN":
            return "334 VXNlcm5hbWU6"
        if word == base64.b64encode(b"office").decode().upper():
            return "334 UGFzc3dvcmQ6"
        if word == base64.b64encode(b"s3cret").decode().upper():
            return "235 2.7.0 ok"
        return super().answer(word, line)


@pytest.mark.parametrize("offered", ["LOGIN", "LOGIN PLAIN", "PLAIN LOGIN", "NTLM LOGIN"])
def test_login_works_whatever_order_is_offered(told, authority, offered):
    async def story(world):
        context, _ = authority.server("smtp.provider.test")
        peer = await world.peer(Asking({"EHLO": TLS_EHLO.format(offered)}, tls=context))
        world.names.add("smtp.provider.test", "A", "127.0.0.1")
        smarthost = Smarthost("smtp.provider.test", world.port, Tls.STARTTLS, "office", "s3cret")
        relay = world.relay(default="p", smarthosts={"p": smarthost}, ca_file=str(authority.file))
        assert results(await world.send(relay, "a@one.test")) == [DONE]
        assert len(peer.messages) == 1

    told(story)


@pytest.mark.parametrize(
    ("offered", "answer", "words"),
    [
        ("PLAIN", "454 4.7.0 later", "cannot check our password at the moment."),
        ("PLAIN", "535 5.7.8 no", "does not accept our user name and password."),
        ("GSSAPI", "", "offers no way to log in that is known here."),
    ],
)
def test_a_failed_login_says_why_and_rests_the_relay_not_each_message(
    told, authority, offered, answer, words
):
    async def story(world):
        context, _ = authority.server("smtp.provider.test")
        peer = Peer({"EHLO": TLS_EHLO.format(offered), "AUTH": answer}, tls=context)
        await world.peer(peer)
        world.names.add("smtp.provider.test", "A", "127.0.0.1")
        smarthost = Smarthost("smtp.provider.test", world.port, Tls.STARTTLS, "office", "s3cret")
        relay = world.relay(default="p", smarthosts={"p": smarthost}, ca_file=str(authority.file))
        (verdict,) = await world.send(relay, "a@one.test")
        assert verdict.reason == f"smtp.provider.test {words}"
        assert (verdict.result, verdict.reached) == (LATER, False)

    told(story)


def test_two_accounts_at_one_provider_are_two_ways(told, authority):
    async def story(world):
        context, _ = authority.server("smtp.provider.test")
        peer = await world.peer(Peer({"EHLO": TLS_EHLO.format("PLAIN")}, tls=context))
        world.names.add("smtp.provider.test", "A", "127.0.0.1")
        ways = {
            name: Smarthost("smtp.provider.test", world.port, Tls.STARTTLS, name, "pw")
            for name in ("one", "two")
        }
        relay = world.relay(default="one", smarthosts=ways, ca_file=str(authority.file))
        first = relay.destination("b@office.test", "a@one.test")
        changed = world.relay(default="two", smarthosts=ways, ca_file=str(authority.file))
        relay.change(changed._options)
        assert relay.destination("b@office.test", "a@one.test") != first
        await relay.send(world.letter(), [], first)
        logins = [base64.b64decode(c.split()[2]) for c in peer.commands if c.startswith("AUTH")]
        assert logins == [b"\0one\0pw"]

    told(story)


def test_a_relay_on_this_machine_may_be_named_by_its_address(told):
    async def story(world):
        peer = await world.peer(Peer())
        relay = world.relay(
            default="p", local_servers=False, own_addresses=frozenset({"127.0.0.1"}),
            smarthosts={"p": Smarthost("127.0.0.1", world.port, Tls.NONE)},
        )  # fmt: skip
        (verdict,) = await world.send(relay, "a@one.test")
        assert (verdict.result, verdict.security) == (DONE, Security.NONE)
        assert len(peer.messages) == 1

    told(story)


# --- what is written down first


def test_a_connection_serves_nobody_else_until_what_it_said_is_written_down(told):
    async def story(world):
        peer = await world.peer(Peer())
        world.mail_host("else.test", ("mx.else.test", "127.0.0.1"))
        relay = world.relay()
        to = [To("a@else.test")]
        async with relay.sending(world.letter(), to, "else.test") as first:
            assert results(first) == [DONE]
            assert results(await relay.send(world.letter(), to, "else.test")) == [DONE]
            assert peer.connections == 2
        await relay.send(world.letter(), to, "else.test")
        assert peer.connections == 2
        await relay.close()

    told(story)


def test_a_connection_whose_outcome_could_not_be_written_down_is_not_used_again(told):
    async def story(world):
        peer = await world.peer(Peer())
        world.mail_host("else.test", ("mx.else.test", "127.0.0.1"))
        relay = world.relay()
        to = [To("a@else.test")]
        with pytest.raises(StorageFull):
            async with relay.sending(world.letter(), to, "else.test"):
                raise StorageFull("The mail disk is full.")
        await relay.send(world.letter(), to, "else.test")
        assert peer.connections == 2
        assert "QUIT" not in peer.commands

    told(story)


def test_of_a_thousand_servers_a_few_are_asked(told):
    async def story(world):
        busy = await world.peer(Peer({"CONNECT": "421 4.3.2 busy"}))
        hosts = [(f"mx{n}.else.test", "127.0.0.1") for n in range(1000)]
        world.mail_host("else.test", *hosts)
        assert results(await world.send(world.relay(), "a@else.test")) == [LATER]
        assert busy.connections <= 10

    told(story)


def test_a_short_key_is_better_than_none(told, tmp_path):
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:1024", "-nodes", "-subj", "/CN=old", "-keyout",
         tmp_path / "key", "-out", tmp_path / "pem", "-days", "9"], capture_output=True, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.load_cert_chain(tmp_path / "pem", tmp_path / "key")

    async def story(world):
        await world.peer(Peer({"EHLO": TLS_EHLO.format("PLAIN")}, tls=context))
        world.mail_host("else.test", ("mx.else.test", "127.0.0.1"))
        (verdict,) = await world.send(world.relay(), "a@else.test")
        assert (verdict.result, verdict.security) == (DONE, Security.ENCRYPTED)

    told(story)
