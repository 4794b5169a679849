"""What does not get through to any page."""

import asyncio
import contextlib
import socket
import ssl

import pytest

from appliance.web import server
from tests.web.browser import Reader

CSP = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"


def test_every_answer_forbids_scripts_and_frames_of_others(owner):
    for path in ("/", "/static/pillarbox.css", "/api/v1/status", "/nowhere", "/login"):
        headers = owner.get(path).headers
        assert headers["Content-Security-Policy"].startswith(CSP), path
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.test"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Site": "none"},
        {"Origin": "https://evil.test", "Authorization": "Basic eDp5"},
        {"Origin": "https://evil.test", "Authorization": "Bearer"},
    ],
)
def test_a_change_that_another_site_asks_for_is_refused(owner, headers):
    forged = owner.post("/people", {"_do": "domain_add", "domain": "evil.test"}, **headers)
    assert forged.status == 403
    assert not owner.get("/people").says("evil.test")
    assert owner.api("POST", "/domains", {"domain": "evil.test"}, **headers).status == 403


def test_a_change_by_get_does_not_exist(owner):
    assert owner.get("/people?_do=domain_add&domain=evil.test").status == 200
    assert not owner.get("/people").says("evil.test")


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(office):
    reader = Reader(office)
    reader.log_in()
    (cookie,) = (each for each in reader.jar if "pillarbox" in each.name)
    assert cookie.name.startswith("__Host-")
    assert cookie.secure
    assert cookie.has_nonstandard_attr("HttpOnly")
    assert cookie.get_nonstandard_attr("SameSite") == "strict"


def test_login_leads_to_no_other_site(office):
    for bad in ("https://evil.test/", "//evil.test/", "/\\evil.test"):
        reader = Reader(office)
        login = {"login": "olga", "password": "correct horse battery", "next": bad}
        assert reader.post("/login", login).url.startswith(reader.base)


def test_too_much_is_refused_before_it_is_read(owner):
    assert owner.post("/people", {"_do": "alias_add", "targets": "x" * 3_000_000}).status == 413


def _open(box):
    raw = socket.create_connection(("127.0.0.1", box.port(443)), 10)
    context = ssl.create_default_context(cafile=str(box.state / "tls" / "ca.pem"))
    return context.wrap_socket(raw, server_hostname="localhost")


@pytest.mark.parametrize(
    "octets",
    [
        b"\x00\x01\x02\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
        b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET /%00%ff%fe HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /people/%2e%2e%2f%2e%2e%2fetc HTTP/1.1\r\nHost: \xff\xfe\r\n\r\n",
        b"GET /static/../../settings.toml HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nCookie: __Host-pillarbox=\xff\xfe;;;=\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \xff\xff\r\n\r\n",
        b"DELETE / HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_nonsense_is_answered_or_closed_and_nothing_breaks(office, octets):
    with _open(office) as peer:
        peer.settimeout(10)
        peer.sendall(octets)
        answer = b""
        with contextlib.suppress(OSError):
            answer = peer.recv(65536)
        assert not answer or answer.startswith(b"HTTP/1.1 ")
        assert b"HTTP/1.1 5" not in answer
    assert Reader(office).get("/login").status == 200


def test_a_header_that_trickles_does_not_hold_a_connection_for_ever(monkeypatch):
    monkeypatch.setattr(server, "HEADER_SECONDS", 0.3)

    async def app(_scope, _receive, send):
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    async def trickle():
        site = await asyncio.get_running_loop().create_server(server.WebServer(app), "127.0.0.1", 0)
        async with site:
            where = site.sockets[0].getsockname()
            reader, writer = await asyncio.open_connection(*where)
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await reader.readline()).startswith(b"HTTP/1.1 204")
            for _ in range(100):
                writer.write(b"X: y\r\n")
                await writer.drain()
                await asyncio.sleep(0.02)

    with pytest.raises(ConnectionError):
        asyncio.run(trickle())
