"""Logging in: right, wrong, slowed down, released; PLAIN, LOGIN and SCRAM-SHA-256."""

import base64
import hashlib
import hmac

import pytest

from appliance.accounts import passwords
from appliance.accounts.directory import Account, AppPassword, Directory
from appliance.accounts.login import Ending, Gate, Service
from appliance.accounts.sasl import Exchange
from appliance.accounts.throttle import Throttle
from appliance.clock import SetClock
from appliance.errors import AuthenticationFailed, PeerError, Temporary
from appliance.threads import Pause, run_here

PASSWORD = "correct hörse"
APP = "abcd-efgh-jkmn-pqrs-tuvw"
ANNA = Account(
    "anna@office.test",
    "Anna",
    7,
    passwords.argon2(PASSWORD),
    passwords.scram_keys(PASSWORD),
    (AppPassword(1, "phone", passwords.app_password_hash(APP), frozenset({"imap"}), 0, 0, ""),),
)
PEOPLE = Directory(frozenset({"office.test"}), {ANNA.address: ANNA})


@pytest.fixture
def clock():
    return SetClock()


@pytest.fixture
def used():
    return []


@pytest.fixture
def gate(clock, used):
    return Gate(PEOPLE, clock, note_use=lambda *use: used.append(use))


def log_in(gate, password, service=Service.IMAP, name="anna@office.test", peer="192.0.2.1"):
    return run_here(gate.password(name, password, service, peer))[0]


def test_the_right_password_opens(gate):
    assert log_in(gate, PASSWORD).address == "anna@office.test"
    assert log_in(gate, PASSWORD).quota_octets == 7


@pytest.mark.parametrize("name", ["anna@office.test", "nobody@office.test", "", "x" * 5000])
def test_wrong_is_wrong_and_does_not_say_which(gate, name):
    with pytest.raises(AuthenticationFailed, match=r"^Wrong user name or password\.$"):
        log_in(gate, "wrong", name=name)


def test_the_password_is_compared_after_normalisation(gate):
    assert log_in(gate, "correct\u00a0ho\u0308rse")


def test_an_app_password_opens_its_services_only_and_its_use_is_noted(gate, used, clock):
    assert log_in(gate, APP.upper().replace("-", " "))
    assert log_in(gate, APP)
    assert used == [(1, clock.wall(), "192.0.2.1")]
    with pytest.raises(AuthenticationFailed):
        log_in(gate, APP, Service.SMTP)


def test_a_revoked_app_password_is_refused_at_once(gate):
    assert log_in(gate, APP)
    gate.change(Directory(PEOPLE.domains, {ANNA.address: Account(ANNA.address, "", 0, "", None)}))
    with pytest.raises(AuthenticationFailed):
        log_in(gate, APP)


def test_a_changed_password_is_not_remembered(gate):
    log_in(gate, PASSWORD)
    new = Account(ANNA.address, "", 0, passwords.argon2("something else"), None)
    gate.change(Directory(PEOPLE.domains, {ANNA.address: new}))
    with pytest.raises(AuthenticationFailed):
        log_in(gate, PASSWORD)


def fail(gate, times, peer="192.0.2.1", name="anna@office.test"):
    for _ in range(times):
        with pytest.raises(AuthenticationFailed):
            log_in(gate, "wrong", peer=peer, name=name)


def pauses(gate, peer="192.0.2.1"):
    step = next(gate.password("anna@office.test", PASSWORD, Service.IMAP, peer))
    return step.seconds if isinstance(step, Pause) else 0.0


def test_guessing_is_slowed_down_more_and_more(gate):
    fail(gate, 2)
    assert pauses(gate) == 0
    fail(gate, 1)
    assert pauses(gate) == 1.0
    fail(gate, 1)
    assert pauses(gate) == 2.0
    fail(gate, 10)
    assert pauses(gate) == 8.0


def test_an_address_with_too_many_failures_is_refused_and_released_by_itself(gate, clock):
    fail(gate, 20)
    with pytest.raises(Temporary, match="Try again in 11 minutes"):
        log_in(gate, PASSWORD)
    clock.advance(601)
    assert log_in(gate, PASSWORD)


def test_a_stranger_cannot_lock_an_account_for_those_it_knows(gate):
    log_in(gate, PASSWORD, peer="192.0.2.7")
    for number in range(60):
        gate._throttle.failed(f"198.51.100.{number}", "anna@office.test", 1000.0)
    with pytest.raises(Temporary):
        log_in(gate, PASSWORD, peer="198.51.100.200")
    assert log_in(gate, PASSWORD, peer="192.0.2.7")
    assert log_in(gate, PASSWORD, peer="198.51.100.200")  # a success released the account


def test_the_throttle_forgets_the_oldest_rather_than_grow():
    throttle = Throttle()
    for number in range(15_000):
        throttle.failed(f"peer{number}", f"account{number}", 0.0)
    assert len(throttle._records) == 20_000


def exchange(gate, mechanism, *responses, service=Service.SMTP):
    talk = Exchange(mechanism, gate, service, "192.0.2.1")
    return [run_here(talk.respond(response))[0] for response in responses]


def test_plain_with_and_without_an_initial_response(gate):
    text = b"\0anna@office.test\0" + PASSWORD.encode()
    assert exchange(gate, b"plain", text)[0].address == "anna@office.test"
    assert exchange(gate, b"PLAIN", None, text)[0] == b""


def test_login_asks_for_name_and_password(gate):
    said = exchange(gate, b"LOGIN", None, b"anna@office.test", PASSWORD.encode())
    assert said[:2] == [b"Username:", b"Password:"]
    assert said[2].address == "anna@office.test"


@pytest.mark.parametrize(
    "response",
    [b"", b"\0\0", b"a\0b", b"x\0anna@office.test\0y", b"\0a\0b\0c", b"\xff\0\xff\0\xff"],
)
def test_plain_rubbish_is_a_protocol_error_or_wrong(gate, response):
    with pytest.raises((PeerError, AuthenticationFailed)):
        exchange(gate, b"PLAIN", response)


def test_unknown_mechanisms_are_refused(gate):
    with pytest.raises(PeerError):
        Exchange(b"CRAM-MD5", gate, Service.IMAP, "192.0.2.1")


def client_final(password, first_bare, server_first, header=b"n,,"):
    """RFC 5802 §3, written from the client's side."""
    fields = dict(item.split(b"=", 1) for item in server_first.split(b","))
    salted = hashlib.pbkdf2_hmac(
        "sha256", password, base64.b64decode(fields[b"s"]), int(fields[b"i"])
    )
    key = hmac.digest(salted, b"Client Key", "sha256")
    bare = b"c=" + base64.b64encode(header) + b",r=" + fields[b"r"]
    auth = b",".join((first_bare, server_first, bare))
    signature = hmac.digest(hashlib.sha256(key).digest(), auth, "sha256")
    proof = bytes(a ^ b for a, b in zip(key, signature, strict=True))
    server = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), auth, "sha256")
    return bare + b",p=" + base64.b64encode(proof), b"v=" + base64.b64encode(server)


def test_scram_opens_and_proves_the_server_too(gate):
    talk = Exchange(b"SCRAM-SHA-256", gate, Service.IMAP, "192.0.2.1")
    bare = b"n=anna@office.test,r=abc"
    server_first = run_here(talk.respond(b"n,," + bare))[0]
    final, expected = client_final(PASSWORD.encode(), bare, server_first)
    assert run_here(talk.respond(final))[0] == expected
    assert run_here(talk.respond(b""))[0].address == "anna@office.test"


@pytest.mark.parametrize("name", [b"anna@office.test", b"nobody@office.test"])
def test_scram_with_a_wrong_password_fails_the_same_for_known_and_unknown(gate, name):
    talk = Exchange(b"SCRAM-SHA-256", gate, Service.IMAP, "192.0.2.1")
    bare = b"n=" + name + b",r=abc"
    server_first = run_here(talk.respond(b"n,," + bare))[0]
    with pytest.raises(AuthenticationFailed):
        run_here(talk.respond(client_final(b"wrong", bare, server_first)[0]))


def test_scram_gives_an_unknown_name_the_same_salt_each_time(gate):
    first = [exchange(gate, b"SCRAM-SHA-256", b"n,,n=nobody,r=x")[0] for _ in range(2)]
    assert first[0].split(b",")[1:] == first[1].split(b",")[1:]


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"n,,",
        b"n,,n=a",
        b"p=tls-unique,,n=a,r=b",
        b"n,a=other,n=a,r=b",
        b"n,,m=x,n=a,r=b",
        b"n,,n=a=b,r=c",
        b"n,,n=\xff,r=c",
        b"n,,n=a,r=" + b"x" * 5000,
    ],
)
def test_scram_rubbish_is_a_protocol_error(gate, message):
    with pytest.raises(PeerError):
        exchange(gate, b"SCRAM-SHA-256", message)


@pytest.mark.parametrize("final", [b"", b"c=biws,r=abc,p=x", b"c=biws,p=", b"r=,p=,c="])
def test_scram_with_a_foreign_nonce_is_a_protocol_error(gate, final):
    with pytest.raises(PeerError):
        exchange(gate, b"SCRAM-SHA-256", b"n,,n=anna@office.test,r=abc", final)


@pytest.fixture
def told(gate):
    attempts = []
    gate.on_attempt = attempts.append
    return attempts


def fail_to_log_in(gate, password, **options):
    with pytest.raises((AuthenticationFailed, Temporary)):
        log_in(gate, password, **options)


def test_every_attempt_is_told_with_how_it_ended(gate, told):
    log_in(gate, PASSWORD)
    log_in(gate, APP)
    fail_to_log_in(gate, "wrong", service=Service.SMTP)
    fail_to_log_in(gate, APP, service=Service.SMTP)
    fail_to_log_in(gate, PASSWORD, name="ana@office.test")
    assert [(each.name, each.service, each.ending, each.is_account) for each in told] == [
        ("anna@office.test", Service.IMAP, Ending.IN, True),
        ("anna@office.test", Service.IMAP, Ending.IN, True),
        ("anna@office.test", Service.SMTP, Ending.WRONG_PASSWORD, True),
        ("anna@office.test", Service.SMTP, Ending.OTHER_SERVICE, True),
        ("ana@office.test", Service.IMAP, Ending.UNKNOWN_NAME, False),
    ]
    assert {each.peer_host for each in told} == {"192.0.2.1"}


def test_a_short_name_is_told_as_the_account_it_stands_for(gate, told):
    log_in(gate, PASSWORD, name="anna")
    assert told[0].name == "anna@office.test"


@pytest.mark.parametrize("typed", [PASSWORD, "x@elsewhere.test", "p@ss", "", "@", "ana"])
def test_what_may_be_a_password_in_the_wrong_field_is_never_told(gate, told, typed):
    fail_to_log_in(gate, "anna@office.test", name=typed)
    gate.note_in_clear("192.0.2.1", typed, Service.IMAP)
    assert [each.name for each in told] == ["", ""]
    assert [each.ending for each in told] == [Ending.UNKNOWN_NAME, Ending.IN_CLEAR]


def test_a_long_name_is_cut(gate, told):
    fail_to_log_in(gate, "x", name="x" * 10_000 + "@office.test")
    assert len(told[0].name) <= 80


def test_who_is_refused_for_too_many_failures_is_told_so(gate, told):
    for _ in range(25):
        with pytest.raises((AuthenticationFailed, Temporary)):
            log_in(gate, "wrong")
    assert told[-1].ending is Ending.TOO_MANY
    assert told[-1].name == "anna@office.test"


def test_scram_tells_the_same(gate, told):
    test_scram_with_a_wrong_password_fails_the_same_for_known_and_unknown(gate, b"anna")
    test_scram_opens_and_proves_the_server_too(gate)
    assert [each.ending for each in told] == [Ending.WRONG_PASSWORD, Ending.IN]
