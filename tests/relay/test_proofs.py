"""Who is proven, who is not, and what is reported of it."""

import datetime
import socket
import ssl
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from appliance.net.resolver import Mx, Tlsa
from appliance.relay import dane, policy
from appliance.relay.letter import Result, Security
from tests.relay.authority import Authority, key_hash, whole_hash
from tests.relay.conftest import MESSAGE
from tests.relay.peers import Peer
from tests.relay.test_sending import results

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
DONE, LATER, NEVER = Result.DONE, Result.LATER, Result.NEVER
TLS_EHLO = "250-peer.test\r\n250-STARTTLS\r\n250 HELP"
POLICY = "version: STSv1\r\nmode: {}\r\nmx: {}\r\nmax_age: 86400\r\n"


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


def watched(relay):
    said = []
    relay.on_session = lambda *about: said.append(about)
    return said


# --- DANE


def certificate(name, key, issuer, issuer_key, *, is_ca=False, days=(-1, 30)):
    now = datetime.datetime.now(datetime.UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + datetime.timedelta(days=days[0]))
        .not_valid_after(now + datetime.timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )


def chain_of(*certificates):
    return [each.public_bytes(Encoding.DER) for each in certificates]


KEYS = [ec.generate_private_key(ec.SECP256R1()) for _ in range(3)]
ROOT = certificate("ca.test", KEYS[0], None, KEYS[0], is_ca=True)
TRUST_ROOT = (Tlsa(2, 0, 1, whole_hash(ROOT)),)


def test_whoever_is_no_authority_can_vouch_for_nobody():
    customer = certificate("customer.test", KEYS[1], ROOT, KEYS[0])
    forged = certificate("mx.else.test", KEYS[2], customer, KEYS[1])
    honest = certificate("mx.else.test", KEYS[2], ROOT, KEYS[0])
    assert dane.is_proven(chain_of(honest, ROOT), TRUST_ROOT, ["mx.else.test"])
    assert not dane.is_proven(chain_of(forged, customer, ROOT), TRUST_ROOT, ["mx.else.test"])


def test_an_expired_certificate_is_proven_by_its_own_record_and_by_no_authority():
    old = certificate("mx.else.test", KEYS[2], ROOT, KEYS[0], days=(-9, -1))
    assert not dane.is_proven(chain_of(old, ROOT), TRUST_ROOT, ["mx.else.test"])
    assert dane.is_proven(chain_of(old), (Tlsa(3, 1, 1, key_hash(old)),), ["other.test"])


def test_an_authority_that_stands_whole_in_the_dns_need_not_be_sent():
    honest = certificate("mx.else.test", KEYS[2], ROOT, KEYS[0])
    whole = (Tlsa(2, 0, 0, ROOT.public_bytes(Encoding.DER)),)
    assert dane.is_proven(chain_of(honest), whole, ["mx.else.test"])
    assert not dane.is_proven(chain_of(honest), TRUST_ROOT, ["mx.else.test"])
    assert not dane.is_proven(chain_of(honest), (Tlsa(2, 0, 0, b"rubbish"),), ["mx.else.test"])


@pytest.mark.parametrize("matching", [0, 1, 2])
@pytest.mark.parametrize("selector", [0, 1])
@pytest.mark.parametrize("usage", [2, 3])
def test_every_kind_of_record_is_understood(usage, selector, matching):
    own = certificate("mx.else.test", KEYS[2], ROOT, KEYS[0])
    meant = own if usage == 3 else ROOT
    data = meant.public_bytes(Encoding.DER)
    if selector:
        data = meant.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if matching:
        data = dane._HASHES[matching](data).digest()
    record = dane.usable([Tlsa(usage, selector, matching, data)])
    assert dane.is_proven(chain_of(own, ROOT), record, ["mx.else.test"])
    wrong = Tlsa(usage, selector, matching, bytes(len(data)))
    assert not dane.is_proven(chain_of(own, ROOT), (wrong,), ["mx.else.test"])


def test_the_records_of_the_name_that_an_alias_stands_for_come_first(told, authority):
    async def story(world):
        context, _ = authority.server("real.host.test")
        await world.peer(Peer({"EHLO": TLS_EHLO}, tls=context))
        world.names.add("else.test", "MX", Mx(10, "mx.else.test"), secure=True)
        world.names.add("mx.else.test", "A", "127.0.0.1", secure=True)
        world.names.aliases = {"mx.else.test": "real.host.test"}
        name = f"_{world.port}._tcp.real.host.test"
        record = Tlsa(2, 0, 1, whole_hash(authority.certificate))
        world.names.add(name, "TLSA", record, secure=True)
        (verdict,) = await world.send(world.relay(), "a@else.test")
        assert (verdict.result, verdict.security) == (DONE, Security.DANE)

    told(story)


# --- MTA-STS


@pytest.mark.parametrize(
    ("mode", "pattern", "name", "failure"),
    [
        ("testing", "mx.else.test", "mx.else.test", ""),
        ("testing", "mx.else.test", "other.test", "certificate-host-mismatch"),
        ("testing", "other.test", "mx.else.test", "validation-failure"),
        ("enforce", "mx.else.test", "mx.else.test", ""),
    ],
)
def test_in_testing_mode_mail_goes_and_failures_are_reported(
    told, authority, mode, pattern, name, failure
):
    async def story(world):
        context, _ = authority.server(name)
        await world.peer(Peer({"EHLO": TLS_EHLO}, tls=context))
        world.mail_host("else.test", ("mx.else.test", "127.0.0.1"))
        world.names.add("_mta-sts.else.test", "TXT", b"v=STSv1; id=20261122;")
        world.policy_text["else.test"] = POLICY.format(mode, pattern)
        relay = world.relay(ca_file=str(authority.file))
        said = watched(relay)
        (verdict,) = await world.send(relay, "a@else.test")
        assert (verdict.result, verdict.security is Security.NONE) == (DONE, False)
        assert said == [("else.test", "sts", "mx.else.test", failure)]

    told(story)


def test_in_testing_mode_even_a_server_without_tls_gets_mail(told):
    async def story(world):
        peer = await world.peer(Peer())
        world.mail_host("else.test", ("mx.else.test", "127.0.0.1"))
        world.names.add("_mta-sts.else.test", "TXT", b"v=STSv1; id=20261122;")
        world.policy_text["else.test"] = POLICY.format("testing", "mx.else.test")
        relay = world.relay()
        said = watched(relay)
        assert results(await world.send(relay, "a@else.test")) == [DONE]
        assert said == [("else.test", "sts", "mx.else.test", "starttls-not-supported")]
        assert len(peer.messages) == 1

    told(story)


@pytest.mark.parametrize(
    ("text", "failure"), [(None, "sts-policy-fetch-error"), ("rubbish", "sts-policy-invalid")]
)
def test_a_policy_that_cannot_be_had_is_reported_and_holds_nothing_up(
    told, authority, text, failure
):
    async def story(world):
        context, _ = authority.server("mx.else.test")
        await world.peer(Peer({"EHLO": TLS_EHLO}, tls=context))
        world.mail_host("else.test", ("mx.else.test", "127.0.0.1"))
        world.names.add("_mta-sts.else.test", "TXT", b"v=STSv1; id=20261122;")
        world.policy_text["else.test"] = text
        relay = world.relay()
        said = watched(relay)
        assert results(await world.send(relay, "a@else.test")) == [DONE]
        assert said == [("else.test", "sts", "mx.else.test", failure)]

    told(story)


def test_a_policy_that_trickles_in_for_ever_is_given_up(authority, monkeypatch):
    monkeypatch.setattr(policy, "_FETCH_SECONDS", 0.5)
    context, _ = authority.server("mta-sts.else.test")
    door = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()

    def trickle():
        connection = context.wrap_socket(door.accept()[0], server_side=True)
        connection.recv(1000)
        try:
            connection.sendall(b"HTTP/1.1 200 ok\r\nX: ")
            while not ended.wait(0.05):
                connection.sendall(b"x")
        except OSError:
            pass
        connection.close()

    thread = threading.Thread(target=trickle)
    thread.start()
    trusting = ssl.create_default_context(cafile=str(authority.file))
    with pytest.raises((OSError, ValueError, policy.http.client.HTTPException)):
        policy.download("mta-sts.else.test", ["127.0.0.1"], trusting, door.getsockname()[1])
    ended.set()
    thread.join(5)
    door.close()


# --- what a message asks for (RFC 8689)


@pytest.mark.parametrize(
    ("header", "result"),
    [(b"TLS-Required: No\r\n", DONE), (b"tls-required:  no\r\n", DONE), (b"", LATER),
     (b"TLS-Required: Yes\r\n", LATER), (b"X: TLS-Required: No\r\n", LATER)],
)  # fmt: skip
def test_a_message_that_would_rather_arrive_than_be_proven_arrives(told, authority, header, result):
    async def story(world):
        context, _ = authority.server("mx.else.test")
        peer = await world.peer(Peer({"EHLO": TLS_EHLO}, tls=context))
        world.mail_host("else.test", ("mx.else.test", "127.0.0.1"), secure=True)
        wrong = Tlsa(3, 1, 1, b"x" * 32)
        world.names.add(f"_{world.port}._tcp.mx.else.test", "TLSA", wrong, secure=True)
        relay = world.relay()
        said = watched(relay)
        assert results(await world.send(relay, "a@else.test", content=header + MESSAGE)) == [result]
        assert said == [("else.test", "tlsa", "mx.else.test", "validation-failure")]
        assert results(await world.send(relay, "a@else.test")) == [LATER]  # not on its connection
        assert len(peer.messages) == (result is DONE)

    told(story)


# --- who is asked


def test_a_box_that_stands_among_the_servers_asks_only_those_before_itself(told):
    async def story(world):
        later = await world.peer(Peer(), "127.0.0.3")
        hosts = [("one.else.test", "127.0.0.2"), ("us.else.test", "127.0.0.9")]
        world.mail_host("else.test", *hosts, ("three.else.test", "127.0.0.3"))
        relay = world.relay(own_addresses=frozenset({"127.0.0.9"}))
        (verdict,) = await world.send(relay, "a@else.test")
        assert (verdict.result, later.connections) == (LATER, 0)

    told(story)


@pytest.mark.parametrize(
    ("address", "status"),
    [("127.0.0.5", "5.4.6"), ("::ffff:127.0.0.1", "5.4.6"), ("0.0.0.0", "5.4.6"),
     ("192.168.1.7", "5.4.4"), ("10.0.0.1", "5.4.4"), ("fd00::1", "5.4.4"),
     ("169.254.1.1", "5.4.4"), ("fe80::1", "5.4.4")],
)  # fmt: skip
def test_the_dns_cannot_lead_us_into_our_own_network(told, address, status):
    async def story(world):
        world.port = 9
        world.mail_host("else.test", ("mx.else.test", address))
        (verdict,) = await world.send(world.relay(local_servers=False), "a@else.test")
        assert (verdict.result, verdict.status) == (NEVER, status)

    told(story)
