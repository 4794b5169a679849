"""Real servers, good and bad."""

import ssl

import pytest

from appliance.errors import Temporary
from appliance.health import post
from tests.health.receiver import receiver
from tests.relay.authority import Authority


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


def tls(authority, name="localhost"):
    return authority.server(name)[0]


def test_a_good_server_gets_body_and_headers(authority):
    with receiver(tls(authority)) as there:
        post.post(there.url, b"text", {"Title": "t"}, str(authority.file))
    ((path, headers, body),) = there.got
    assert (path, headers["Title"], body) == ("/topic", "t", b"text")


def test_a_server_that_answers_500_has_not_taken_it(authority):
    with receiver(tls(authority), status=500) as there:
        with pytest.raises(Temporary, match="the server answered 500"):
            post.post(there.url, b"", {}, str(authority.file))


def test_a_server_that_hangs_is_given_up(authority, monkeypatch):
    monkeypatch.setattr(post, "SECONDS", 0.3)
    with receiver(tls(authority), hangs=True) as there:
        with pytest.raises(Temporary, match="did not answer in time"):
            post.post(there.url, b"", {}, str(authority.file))


def test_a_certificate_that_nobody_vouches_for_is_refused(authority):
    with receiver(tls(authority)) as there:
        with pytest.raises(Temporary, match="its certificate is not good"):
            post.post(there.url, b"secret", {})
    assert there.got == []


def test_a_certificate_for_another_name_is_refused(authority):
    with receiver(tls(authority, "else.test")) as there:
        with pytest.raises(Temporary, match="its certificate is not good"):
            post.post(there.url, b"", {}, str(authority.file))


def test_a_redirect_is_not_followed(authority):
    with receiver(tls(authority)) as other:
        with receiver(tls(authority), status=307, location=other.url) as there:
            with pytest.raises(Temporary, match="answered 307"):
                post.post(there.url, b"", {}, str(authority.file))
    assert other.got == []


def test_nobody_there_and_no_file_of_authorities_are_told_in_words():
    with pytest.raises(Temporary, match="Connection refused"):
        post.post("https://127.0.0.1:9/secret", b"", {})
    with pytest.raises(Temporary, match="No such file"):
        post.post("https://127.0.0.1:9/", b"", {}, "/nowhere.pem")


def test_an_address_stands_in_no_error(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)  # no certificate: the handshake fails
    with receiver(context) as there:
        with pytest.raises(Temporary) as error:
            post.post(there.url, b"", {}, str(authority.file))
    assert "topic" not in str(error.value)
