"""MTA-STS with a real Postfix, real DNS and a policy by HTTPS: good, bad, and only for testing."""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from appliance import control
from tests.relay.authority import Authority
from tests.support.box import Box, wait_until
from tests.support.dnsworld import DnsWorld
from tests.support.mail import letter, submit
from tests.support.postfix import Postfix

PORT = 26525
MODES = {"right.test": "enforce", "wrong.test": "enforce", "trial.test": "testing"}


class Policy(BaseHTTPRequestHandler):
    """Says what its server was told to say."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/.well-known/mta-sts.txt" else 404)
        self.send_header("Content-Type", "text/plain")
        self.end_headers()
        self.wfile.write(self.server.policy)

    def log_message(self, *_words: object) -> None:
        pass


class World:
    """A Postfix whose certificate is for the first domain only; and everybody's policy."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="sts-", dir="/var/tmp"))
        self.folder.chmod(0o755)
        self.authority = Authority(self.folder)
        self.authority.server("mx.right.test")
        self.postfix = Postfix(self.folder / "postfix", *MODES)
        self.postfix.certificate = str(self.folder / "mx.right.test-30.pem")
        self.dns = DnsWorld(self.folder / "dns")
        self.servers: list[ThreadingHTTPServer] = []
        for number, (domain, mode) in enumerate(MODES.items()):
            address = f"127.0.3.{number + 1}"
            self.dns.zone(
                domain, "@ MX 10 mx", "mx A 127.0.3.9", f"mta-sts A {address}",
                '_mta-sts TXT "v=STSv1; id=20261124;"',
            )  # fmt: skip
            self._say(domain, mode, address)

    def _say(self, domain: str, mode: str, address: str) -> None:
        server = ThreadingHTTPServer((address, 443), Policy)
        context, _ = self.authority.server(f"mta-sts.{domain}")
        server.socket = context.wrap_socket(server.socket, server_side=True)
        text = f"version: STSv1\nmode: {mode}\nmx: mx.{domain}\nmax_age: 86400\n"
        server.policy = text.encode()
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.servers.append(server)

    def stop(self) -> None:
        for server in self.servers:
            server.shutdown()
            server.server_close()
        self.dns.stop()
        self.postfix.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    try:
        world.dns.start()
        world.postfix.start(f"127.0.3.9:{PORT}")
        yield world
    finally:
        world.stop()


def failures(box: Box) -> dict[str, str]:
    """What will be reported to each domain."""
    control.ask(box.state, "reports_written")
    with sqlite3.connect(f"file:{box.state / 'appliance.db'}?mode=ro", uri=True) as db:
        rows = db.execute("select domain, what from report_tally where kind = 'tls'").fetchall()
    return {domain: json.loads(what)["failure"] for domain, what in rows}


def test_mail_goes_to_who_is_proven_and_waits_for_who_is_not(world: World, tmp_path: Path) -> None:
    settings = (
        f'[dns]\nservers = "{world.dns.servers}"\n'
        f'[relay]\nport = {PORT}\npatience_seconds = 10\nca_file = "{world.authority.file}"\n'
    )
    with Box(tmp_path / "box", settings=settings) as box:
        box.cli("relay", "default", "direct")
        anna = box.account("anna")
        for domain in MODES:
            submit(box, anna, [f"anna@{domain}"], letter(f"to-{domain}", anna.address, "you"))
        got = lambda: b"".join(world.postfix.mail("anna"))  # noqa: E731
        wait_until(lambda: b"to-right" in got() and b"to-trial" in got(), "both arrive", seconds=20)
        assert "server proven by MTA-STS" in box.log()
        (waits,) = json.loads(box.cli("queue", "list", "--json"))
        assert "could not prove that it is the right server" in waits["reason"]

        box.terminate()  # the policy holds over a restart, even if nobody tells it any more
        for server in world.servers:
            server.shutdown()
            server.server_close()
        box.start()
        box.cli("queue", "retry")
        (waits,) = json.loads(box.cli("queue", "list", "--json"))
        wait_until(
            lambda: json.loads(box.cli("queue", "list", "--json"))[0]["reason"] != "", "it is tried"
        )
        assert b"to-wrong" not in got()
        assert failures(box) == {
            "right.test": "",
            "wrong.test": "certificate-host-mismatch",
            "trial.test": "certificate-host-mismatch",
        }
