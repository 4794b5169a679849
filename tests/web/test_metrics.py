"""/metrics: Prometheus's own parser reads it, a token of its scope opens it, and nothing else does."""

import imaplib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families as parsed

from appliance.web.exposition import counter, gauge, written
from tests.support.box import wait_until
from tests.support.mail import letter, submit
from tests.web.browser import Reader


def _token(reader, *scopes):
    return reader.api("POST", "/me/tokens", {"name": "monitor", "scopes": scopes, "days": 1}).json[
        "token"
    ]


def _values(answer):
    """By name and labels."""
    return {
        (each.name, *sorted(each.labels.items())): each.value
        for family in parsed(answer.text)
        for each in family.samples
    }


@pytest.fixture
def monitor(office, owner):
    return Reader(office, token=_token(owner, "metrics"))


def test_what_happens_is_counted(office, monitor):
    before = _values(monitor.get("/metrics"))
    anna = office.account("anna")
    submit(office, anna, ["ben@office.test"], letter("counted", anna.address, "ben@office.test"))
    with imaplib.IMAP4_SSL("localhost", office.port(993), ssl_context=office.tls()) as client:
        with pytest.raises(imaplib.IMAP4.error):
            client.login("ben@office.test", "wrong")
        inside = _values(monitor.get("/metrics"))["pillarbox_connections", ("service", "imap")]
    assert inside >= 1

    def grown(*name):
        return _values(monitor.get("/metrics"))[name] - before[name]

    wait_until(
        lambda: grown("pillarbox_attempts_total", ("outcome", "delivered")) >= 1, "it is delivered"
    )
    assert grown("pillarbox_messages_sent_total") == 1
    assert grown("pillarbox_logins_total", ("result", "failed"), ("service", "imap")) == 1
    assert grown("pillarbox_logins_total", ("result", "succeeded"), ("service", "smtp")) >= 1


def test_the_box_is_told_in_numbers(monitor):
    answer = monitor.get("/metrics")
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    families = {each.name: each for each in parsed(answer.text)}
    assert families["pillarbox_messages_received"].type == "counter"
    assert families["pillarbox_disk_free_bytes"].samples[0].value > 1 << 20
    assert all(
        each.documentation and each.type in ("counter", "gauge") for each in families.values()
    )
    assert {
        "pillarbox_queue_messages",
        "pillarbox_memory_bytes",
        "pillarbox_conditions",
    } <= families.keys()


def test_it_opens_for_a_token_of_its_scope_alone(office, owner, user, monitor):
    stranger = Reader(office)
    for reader in (stranger, owner):
        refused = reader.get("/metrics")
        assert refused.status == 401
        assert refused.headers["WWW-Authenticate"] == "Bearer"
    assert Reader(office, token="pillarbox-guessed").get("/metrics").status == 401
    assert Reader(office, token=_token(owner, "read", "box")).get("/metrics").status == 403
    assert Reader(office, token=_token(user, "metrics")).get("/metrics").status == 403
    assert monitor.api("GET", "/status").status == 403, "it opens nothing else"


_WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(_WORDS, _WORDS, st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_every_word_and_number_comes_back_from_prometheus_own_parser(words, label, value):
    text = written(
        [
            counter("a", words, [({"key": label, "other": "x"}, abs(value))]),
            gauge("b", "not known", None),
            gauge("c", "c", value),
        ]
    )
    counted, measured = parsed(text)
    (sample,) = counted.samples
    assert sample.labels == {"key": label, "other": "x"}
    assert sample.value == abs(value)
    assert measured.samples[0].value == value
