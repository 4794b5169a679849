"""Through a provider's relay, and by itself when a domain refuses our address."""

import base64
from dataclasses import replace

import pytest

from appliance.net.resolver import Mx, Tlsa
from appliance.relay.letter import Result, Security
from appliance.relay.options import Smarthost, Tls
from tests.relay.authority import Authority, key_hash, whole_hash
from tests.relay.peers import Peer
from tests.relay.test_sending import results

# Python 3.11 complains when the peer's side of a failed handshake is thrown away
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

DONE, LATER = Result.DONE, Result.LATER
TLS_EHLO = "250-peer.test\r\n250-STARTTLS\r\n250-REQUIRETLS\r\n250 AUTH PLAIN LOGIN"


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


# --- through a relay


@pytest.mark.parametrize("tls", [Tls.STARTTLS, Tls.IMPLICIT])
def test_mail_goes_through_a_relay_with_its_certificate_proven_and_a_login(told, authority, tls):
    async def story(world):
        context, _ = authority.server("smtp.provider.test")
        peer = Peer({"EHLO": TLS_EHLO}, tls=context, implicit=tls is Tls.IMPLICIT)
        await world.peer(peer)
        world.names.add("smtp.provider.test", "A", "127.0.0.1")
        smarthost = Smarthost("smtp.provider.test", world.port, tls, "office", "s3cret")
        relay = world.relay(default="p", smarthosts={"p": smarthost}, ca_file=str(authority.file))
        found = await world.send(relay, "a@one.test", "b@two.test")
        assert results(found) == [DONE, DONE]
        assert found[0].security is Security.NAMED
        login = next(each for each in peer.commands if each.startswith("AUTH"))
        assert base64.b64decode(login.split()[2]) == b"\0office\0s3cret"
        assert len(peer.messages) == 1

    told(story)


@pytest.mark.parametrize(
    ("name", "days", "words"),
    [
        ("other.test", (-1, 30), "Hostname mismatch"),
        ("smtp.provider.test", (-9, -1), "certificate has expired"),
    ],
)
@pytest.mark.parametrize("tls", [Tls.STARTTLS, Tls.IMPLICIT])
def test_a_relay_that_does_not_prove_itself_gets_neither_password_nor_mail(
    told, authority, tls, name, days, words
):
    async def story(world):
        context, _ = authority.server(name, days=days)
        peer = Peer({"EHLO": TLS_EHLO}, tls=context, implicit=tls is Tls.IMPLICIT)
        await world.peer(peer)
        world.names.add("smtp.provider.test", "A", "127.0.0.1")
        smarthost = Smarthost("smtp.provider.test", world.port, tls, "office", "s3cret")
        relay = world.relay(default="p", smarthosts={"p": smarthost}, ca_file=str(authority.file))
        (verdict,) = await world.send(relay, "a@one.test")
        assert verdict.result is LATER
        assert words in verdict.reason
        assert not any("AUTH" in each for each in peer.commands)

    told(story)


def test_a_wrong_password_is_told_in_plain_words_and_never_shown(told, authority):
    async def story(world):
        context, _ = authority.server("smtp.provider.test")
        await world.peer(Peer({"EHLO": TLS_EHLO, "AUTH": "535 5.7.8 no"}, tls=context))
        world.names.add("smtp.provider.test", "A", "127.0.0.1")
        smarthost = Smarthost("smtp.provider.test", world.port, Tls.STARTTLS, "office", "s3cret")
        relay = world.relay(default="p", smarthosts={"p": smarthost}, ca_file=str(authority.file))
        (verdict,) = await world.send(relay, "a@one.test")
        assert verdict.result is LATER
        expected = "smtp.provider.test does not accept our user name and password."
        assert verdict.reason == expected
        assert "s3cret" not in repr(verdict)

    told(story)


def test_a_domain_that_refuses_our_address_gets_its_mail_through_the_relay_from_then_on(
    told, authority
):
    async def story(world):
        context, _ = authority.server("smtp.provider.test")
        provider = await world.peer(Peer({"EHLO": TLS_EHLO}, tls=context), "127.0.0.2")
        no = "550 5.7.1 Client host [192.0.2.9] blocked using zen.spamhaus.org"
        strict = await world.peer(Peer({"RCPT": no}))
        world.mail_host("else.test", ("mx.else.test", "127.0.0.1"))
        world.names.add("smtp.provider.test", "A", "127.0.0.2")
        smarthost = Smarthost("smtp.provider.test", world.port, Tls.STARTTLS, "office", "s3cret")
        relay = world.relay(smarthosts={"p": smarthost}, fallback="p", ca_file=str(authority.file))
        assert results(await world.send(relay, "a@else.test")) == [DONE]
        assert (strict.connections, len(provider.messages)) == (1, 1)
        assert relay.destination("b@o.test", "c@else.test") == smarthost.key
        assert results(await world.send(relay, "a@else.test")) == [DONE]
        assert (strict.connections, len(provider.messages)) == (1, 2)
        (refusal,) = relay.refusals()
        assert (refusal.domain, refusal.reason) == ("else.test", no)
        world.clock.advance(8 * 86400)
        assert relay.destination("b@o.test", "c@else.test") == "else.test"

    told(story)


# --- directly, with and without a proof


def test_a_server_that_encrypts_is_not_asked_who_it_is(told, authority):
    async def story(world):
        context, _ = authority.server("whoever.test", days=(-9, -1))
        await world.peer(Peer({"EHLO": TLS_EHLO}, tls=context))
        world.mail_host("else.test", ("mx.else.test", "127.0.0.1"))
        (verdict,) = await world.send(world.relay(), "a@else.test")
        assert (verdict.result, verdict.security) == (DONE, Security.ENCRYPTED)

    told(story)


@pytest.mark.parametrize("refusal", ["454 4.7.0 not now", "220 go"])
def test_where_starttls_fails_mail_goes_in_clear_unless_a_proof_is_asked_for(told, refusal):
    async def story(world):
        peer = Peer({"EHLO": TLS_EHLO, "STARTTLS": [refusal, "502 no"]})  # 220, and no TLS at all
        await world.peer(peer)
        world.mail_host("else.test", ("mx.else.test", "127.0.0.1"))
        (verdict,) = await world.send(world.relay(), "a@else.test")
        assert (verdict.result, verdict.security) == (DONE, Security.NONE)

    told(story)


@pytest.mark.parametrize(
    ("record", "proven"),
    [
        (lambda own, _ca: Tlsa(3, 1, 1, key_hash(own)), True),
        (lambda own, _ca: Tlsa(3, 0, 1, whole_hash(own)), True),
        (lambda _own, ca: Tlsa(2, 0, 1, whole_hash(ca)), True),
        (lambda _own, ca: Tlsa(2, 1, 1, key_hash(ca)), True),
        (lambda _own, _ca: Tlsa(3, 1, 1, b"x" * 32), False),
        (lambda _own, _ca: Tlsa(2, 1, 1, b"x" * 32), False),
        (lambda own, _ca: Tlsa(2, 1, 2, key_hash(own)), None),  # unusable: encrypt only
    ],
)
def test_dane_decides_who_gets_mail(told, authority, record, proven):
    async def story(world):
        context, own = authority.server("mx.else.test")
        peer = await world.peer(Peer({"EHLO": TLS_EHLO}, tls=context))
        world.mail_host("else.test", ("mx.else.test", "127.0.0.1"), secure=True)
        name = f"_{world.port}._tcp.mx.else.test"
        world.names.add(name, "TLSA", record(own, authority.certificate), secure=True)
        (verdict,) = await world.send(world.relay(), "a@else.test")
        if proven is None:
            assert (verdict.result, verdict.security) == (DONE, Security.ENCRYPTED)
        elif proven:
            assert (verdict.result, verdict.security) == (DONE, Security.DANE)
        else:
            assert verdict.result is LATER
            assert "(DANE)" in verdict.reason
            assert peer.messages == []

    told(story)


def test_with_dane_a_server_that_does_not_encrypt_gets_nothing(told):
    async def story(world):
        peer = await world.peer(Peer())
        world.mail_host("else.test", ("mx.else.test", "127.0.0.1"), secure=True)
        tlsa = Tlsa(3, 1, 1, b"x" * 32)
        world.names.add(f"_{world.port}._tcp.mx.else.test", "TLSA", tlsa, secure=True)
        (verdict,) = await world.send(world.relay(), "a@else.test")
        assert (verdict.result, peer.messages) == (LATER, [])

    told(story)


def test_what_is_asked_of_servers_can_change_while_the_box_runs(told):
    async def story(world):
        peer = await world.peer(Peer())
        world.mail_host("else.test", ("mx.else.test", "127.0.0.1"), secure=True)
        tlsa = Tlsa(3, 1, 1, b"x" * 32)
        world.names.add(f"_{world.port}._tcp.mx.else.test", "TLSA", tlsa, secure=True)
        relay = world.relay()
        assert results(await world.send(relay, "a@else.test")) == [LATER]
        relay.change(replace(relay._options, dane=False))
        assert results(await world.send(relay, "a@else.test")) == [DONE]
        assert len(peer.messages) == 1

    told(story)


def test_unsigned_records_count_for_nothing(told):
    async def story(world):
        peer = await world.peer(Peer())
        world.mail_host("else.test", ("mx.else.test", "127.0.0.1"))
        tlsa = Tlsa(3, 1, 1, b"x" * 32)
        world.names.add(f"_{world.port}._tcp.mx.else.test", "TLSA", tlsa)
        assert results(await world.send(world.relay(), "a@else.test")) == [DONE]
        assert len(peer.messages) == 1

    told(story)


POLICY = "version: STSv1\r\nmode: {}\r\nmx: {}\r\nmax_age: 86400\r\n"


@pytest.mark.parametrize(
    ("mode", "pattern", "certificate", "result", "security"),
    [
        ("enforce", "mx.else.test", "mx.else.test", DONE, Security.STS),
        ("enforce", "*.else.test", "mx.else.test", DONE, Security.STS),
        ("enforce", "mx.else.test", "other.test", LATER, None),
        ("enforce", "other.test", "mx.else.test", LATER, None),
        ("testing", "other.test", "other.test", DONE, Security.ENCRYPTED),
        ("none", "other.test", "other.test", DONE, Security.ENCRYPTED),
    ],
)
def test_mta_sts_decides_who_gets_mail(  # noqa: PLR0917 - a table
    told, authority, mode, pattern, certificate, result, security
):
    async def story(world):
        context, _ = authority.server(certificate)
        await world.peer(Peer({"EHLO": TLS_EHLO}, tls=context))
        world.mail_host("else.test", ("mx.else.test", "127.0.0.1"))
        world.names.add("_mta-sts.else.test", "TXT", b"v=STSv1; id=20261122;")
        world.policy_text["else.test"] = POLICY.format(mode, pattern)
        relay = world.relay(ca_file=str(authority.file))
        (verdict,) = await world.send(relay, "a@else.test")
        assert verdict.result is result
        assert security is None or verdict.security is security

    told(story)


def test_a_policy_is_kept_while_it_holds_even_if_it_cannot_be_fetched_any_more(told, authority):
    async def story(world):
        context, _ = authority.server("other.test")
        await world.peer(Peer({"EHLO": TLS_EHLO}, tls=context))
        world.mail_host("else.test", ("mx.else.test", "127.0.0.1"))
        world.names.add("_mta-sts.else.test", "TXT", b"v=STSv1; id=1;")
        world.policy_text["else.test"] = POLICY.format("enforce", "mx.else.test")
        options = {"ca_file": str(authority.file)}
        assert results(await world.send(world.relay(**options), "a@else.test")) == [LATER]
        del world.policy_text["else.test"], world.names.table["_mta-sts.else.test", "TXT"]
        world.memory.__init__(world.database)  # a restart
        assert results(await world.send(world.relay(**options), "a@else.test")) == [LATER]
        world.clock.advance(86_401)
        assert results(await world.send(world.relay(**options), "a@else.test")) == [DONE]

    told(story)


@pytest.mark.parametrize(("name", "result"), [("mx.else.test", DONE), ("other.test", LATER)])
def test_requiretls_goes_only_to_a_server_that_is_proven(told, authority, name, result):
    async def story(world):
        context, _ = authority.server(name)
        peer = await world.peer(Peer({"EHLO": TLS_EHLO}, tls=context))
        world.mail_host("else.test", ("mx.else.test", "127.0.0.1"))
        relay = world.relay(ca_file=str(authority.file))
        (verdict,) = await world.send(relay, "a@else.test", require_tls=True)
        assert verdict.result is result
        if result is DONE:
            assert "MAIL FROM:<ben@office.test> REQUIRETLS" in peer.commands

    told(story)


def test_each_server_of_a_domain_is_judged_for_itself(told, authority):
    async def story(world):
        good, own = authority.server("good.else.test")
        bad, _ = authority.server("bad.else.test")
        first = await world.peer(Peer({"EHLO": TLS_EHLO}, tls=bad), "127.0.0.2")
        second = await world.peer(Peer({"EHLO": TLS_EHLO}, tls=good), "127.0.0.3")
        world.names.add("else.test", "MX", Mx(1, "bad.else.test"), Mx(2, "good.else.test"))
        world.mail_host("else.test", ("bad.else.test", "127.0.0.2"), secure=True)
        world.mail_host(
            "else.test",
            ("bad.else.test", "127.0.0.2"),
            ("good.else.test", "127.0.0.3"),
            secure=True,
        )
        for name in ("bad", "good"):
            tlsa = Tlsa(3, 1, 1, key_hash(own))
            world.names.add(f"_{world.port}._tcp.{name}.else.test", "TLSA", tlsa, secure=True)
        (verdict,) = await world.send(world.relay(), "a@else.test")
        assert (verdict.result, verdict.security) == (DONE, Security.DANE)
        assert (len(first.messages), len(second.messages)) == (0, 1)

    told(story)
