"""A post office for tests: real doors on loopback, a real queue and a real store, in one loop."""

import asyncio
import dataclasses
import socket
import threading

from appliance import sections
from appliance.accounts import passwords
from appliance.accounts.directory import Account, Directory
from appliance.accounts.login import Gate
from appliance.clock import SystemClock
from appliance.delivery.mda import Mda
from appliance.net import certificates, tls
from appliance.net.doorkeeper import Doorkeeper, DoorLimits
from appliance.post import postroom
from appliance.queue.queue import Queue
from appliance.queue.runner import Runner
from appliance.smtp.context import Door, SmtpContext
from appliance.smtp.server import SmtpServer
from appliance.store.store import Store
from appliance.threads import Threads

PASSWORD = "correct horse"


def people():
    def account(address, quota=0):
        return Account(
            address, "", quota, passwords.argon2(PASSWORD), passwords.scram_keys(PASSWORD)
        )

    accounts = [
        account("anna@office.test"),
        account("ben@office.test"),
        account("full@office.test", 10),
    ]
    accounts.append(account("jürgen@office.test"))
    accounts.append(account("anna@provider.test"))
    return Directory(
        frozenset({"office.test"}),
        {each.address: each for each in accounts},
        {
            "both@office.test": ("anna@office.test", "ben@office.test"),
            "away@office.test": ("someone@else.test",),
            **{f"many{n}@office.test": ("anna@office.test",) for n in range(150)},
        },
        shared=frozenset({"provider.test"}),
    )


class PostOffice:
    """Three doors: `mx`, `submission`, `submissions` are their ports."""

    def __init__(self, tmp_path, *, delay=0.0, smtp=None, doors=None):
        self.state = tmp_path
        chosen = {"greeting_delay_ms": int(delay * 1000), **(smtp or {})}
        self.settings = dataclasses.replace(sections.Smtp(), **chosen)
        self.doors = doors or DoorLimits(1000, 1000, 100_000)
        self.refusal = ""
        self.ready = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self.thread.start()
        assert self.ready.wait(10)
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.end.set)
        self.thread.join(10)

    def _run(self):
        asyncio.run(self._serve())

    async def _serve(self):
        self.loop = asyncio.get_running_loop()
        self.end = asyncio.Event()
        clock = SystemClock()
        mail = self.state / "mail"
        mail.mkdir(exist_ok=True)
        self.threads = Threads()
        self.store = Store(mail, clock)
        self.store.start()
        self.queue = Queue(mail / "queue", clock)
        self.queue.start()
        gate = self.gate = Gate(people(), clock)
        self.runner = Runner(
            self.queue,
            self.threads,
            clock,
            host="mx.office.test",
            resolve=lambda s: postroom.reports_to(gate.directory, s),
        )
        self.runner.local = postroom.LocalCarrier(
            self.queue, Mda(self.store, lambda a: a in gate.directory.accounts)
        )
        self.queue.on_accepted = self.runner.accepted
        certificates.ensure(
            self.state / "tls", certificates.Names(("localhost",), ("127.0.0.1",)), clock.wall()
        )
        context = SmtpContext(
            host="mx.office.test",
            settings=self.settings,
            clock=clock,
            threads=self.threads,
            gate=gate,
            store=self.store,
            queue=self.queue,
            tls=tls.server_context(self.state / "tls"),
            doorkeeper=Doorkeeper(self.doors),
            refusal=lambda: self.refusal,
        )
        self.allowance = context.allowance
        servers = []
        for name, door in (
            ("mx", Door(is_submission=False)),
            ("submission", Door(is_submission=True, plain_login_allowed=True)),
            ("tls_only", Door(is_submission=True)),
            ("submissions", Door(is_submission=True, implicit_tls=True)),
        ):
            server = SmtpServer(context, door)
            listening = await self.loop.create_server(
                server, "127.0.0.1", 0, ssl=context.tls if door.implicit_tls else None
            )
            setattr(self, name, listening.sockets[0].getsockname()[1])
            servers.append(listening)
        runner = asyncio.create_task(self.runner.run())
        self.ready.set()
        await self.end.wait()
        for listening in servers:
            listening.close()
        runner.cancel()
        await self.runner.stop()
        await self.threads.carry_out(self.store.settle())
        self.queue.stop()
        self.store.stop()

    def do(self, steps):
        """Carry steps out in the post office's loop."""
        return asyncio.run_coroutine_threadsafe(self.threads.carry_out(steps), self.loop).result(20)

    def messages(self, address, *, count=None):
        """What is in somebody's INBOX, waiting a moment for `count` of them."""

        def look():
            mailbox = yield from self.store.home(address).open("INBOX")
            found = []
            for uid in list(mailbox.rows.uids):
                found.append((yield from mailbox.read(uid)))
            mailbox.close()
            return found

        for _ in range(200):
            found = self.do(look())
            if count is None or len(found) >= count:
                return found
            threading.Event().wait(0.02)
        raise AssertionError(f"{address} has {len(found)} messages, not {count}")


class Client:
    """A bare socket that speaks lines."""

    def __init__(self, port, *, greeting=True):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.file = self.socket.makefile("rb")
        if greeting:
            assert self.reply()[-1].startswith("220 ")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def reply(self):
        """The lines of one reply; empty at the end of the connection."""
        lines = []
        while True:
            line = self.file.readline()
            if not line:
                return lines
            lines.append(line.decode().rstrip("\r\n"))
            if line[3:4] != b"-":
                return lines

    def ask(self, command):
        self.send(command.encode() + b"\r\n")
        return self.reply()[-1]

    def begin(self, *recipients, sender="x@else.test", extra=""):
        assert self.ask("EHLO client.test").startswith("250")
        assert self.ask(f"MAIL FROM:<{sender}>{extra}").startswith("250")
        for recipient in recipients:
            assert self.ask(f"RCPT TO:<{recipient}>").startswith("250"), recipient

    def is_closed(self):
        return self.file.readline() == b""


def content_of(stored):
    """A delivered message without the lines we put on top of it."""
    assert stored.startswith(b"Return-Path: <")
    lines = stored.split(b"\r\n")
    number = 1
    assert lines[number].startswith(b"Received: from ")
    number += 1
    while lines[number].startswith(b"\t"):
        number += 1
    return b"\r\n".join(lines[number:])
