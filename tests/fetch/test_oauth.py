"""OAuth 2 beside an authorization server that we script: refresh, device flow, refusals."""

from __future__ import annotations

import json
import ssl
import threading
import urllib.parse
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from appliance.fetch import oauth
from appliance.fetch.remote import Trouble
from appliance.fetch.source import Consent
from tests.relay.authority import Authority


class Provider:
    """Answers in turn; keeps what was asked."""

    def __init__(self, authority: Authority) -> None:
        self.answers: list[tuple[int, object]] = []
        self.asked: list[dict[str, str]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                text = self.rfile.read(int(self.headers["Content-Length"])).decode()
                outer.asked.append(dict(urllib.parse.parse_qsl(text)))
                status, body = outer.answers.pop(0)
                content = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        context, _ = authority.server("localhost")
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://localhost:{self.server.server_port}/token"
        self.context = ssl.create_default_context(cafile=str(authority.file))
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def consent(self) -> Consent:
        return Consent(self.url, "client", self.url, scope="mail")


@pytest.fixture
def provider(tmp_path) -> Iterator[Provider]:
    found = Provider(Authority(tmp_path))
    yield found
    found.server.shutdown()
    found.server.server_close()


def test_an_access_token_is_asked_for_once_and_a_new_refresh_token_is_kept(
    provider: Provider,
) -> None:
    kept: list[str] = []
    tokens = oauth.Tokens(provider.consent, "old", provider.context, kept.append)
    provider.answers = [(200, {"access_token": "a1", "expires_in": 3600, "refresh_token": "new"})]
    assert [tokens.access(), tokens.access()] == ["a1", "a1"]
    assert provider.asked == [
        {"client_id": "client", "grant_type": "refresh_token", "refresh_token": "old"}
    ]
    assert kept == ["new"]


def test_one_about_to_expire_is_not_used(provider: Provider) -> None:
    tokens = oauth.Tokens(provider.consent, "r", provider.context, lambda _: None)
    provider.answers = [
        (200, {"access_token": "a1", "expires_in": 30}), (200, {"access_token": "a2"})
    ]  # fmt: skip
    assert [tokens.access(), tokens.access()] == ["a1", "a2"]


@pytest.mark.parametrize(
    "answer",
    [(400, {"error": "invalid_grant", "error_description": "consent\nwas taken back"}),
     (200, b"[]"), (200, {"access_token": 5})],
)  # fmt: skip
def test_a_refusal_is_told_and_asks_for_consent(provider: Provider, answer) -> None:
    provider.answers = [answer]
    tokens = oauth.Tokens(provider.consent, "r", provider.context, lambda _: None)
    with pytest.raises(Trouble, match="gives no access any more") as refused:
        tokens.access()
    assert refused.value.is_login
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_provider_that_has_no_time_is_asked_again_soon(provider: Provider, status: int) -> None:
    provider.answers = [(status, b"<html>"), (200, {"access_token": "a1"})]
    tokens = oauth.Tokens(provider.consent, "r", provider.context, lambda _: None)
    with pytest.raises(Trouble, match="at the moment") as failed:
        tokens.access()
    assert not failed.value.is_login
    assert tokens.access() == "a1"


def test_the_device_flow_waits_as_it_is_told(provider: Provider) -> None:
    pauses: list[float] = []
    provider.answers = [
        (200, {"device_code": "d", "user_code": "ABCD", "verification_uri": "https://p.test/go",
               "interval": 2, "expires_in": 600}),
        (400, {"error": "authorization_pending"}),
        (400, {"error": "slow_down"}),
        (200, {"access_token": "a", "refresh_token": "kept"}),
    ]  # fmt: skip
    asking = oauth.begin(provider.consent, provider.context)
    assert (asking.page, asking.user_code) == ("https://p.test/go", "ABCD")
    assert oauth.finish(provider.consent, asking, provider.context, pauses.append) == "kept"
    assert pauses == [2, 2, 7]


def test_the_device_flow_ends_when_consent_is_denied(provider: Provider) -> None:
    provider.answers = [
        (200, {"device_code": "d", "user_code": "A", "verification_url": "https://p.test"}),
        (400, {"error": "access_denied"}),
    ]
    asking = oauth.begin(provider.consent, provider.context)
    with pytest.raises(Trouble, match="access_denied"):
        oauth.finish(provider.consent, asking, provider.context, lambda _: None)


def test_nothing_is_asked_without_encryption(provider: Provider) -> None:
    with pytest.raises(Trouble, match="https only"):
        oauth.post("http://localhost/", provider.consent, {}, provider.context)
