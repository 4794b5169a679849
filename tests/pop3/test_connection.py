"""POP3 over a real socket, with a real store, spoken by the standard library's client."""

import asyncio
import poplib

import pytest

from appliance.accounts.directory import Directory
from appliance.accounts.login import Gate
from appliance.clock import SystemClock
from appliance.net.connection import Connection, Entrance
from appliance.pop3.authorization import Context
from appliance.pop3.server import pop3_sessions
from appliance.store.flags import SEEN
from appliance.store.store import Store
from appliance.threads import Threads, run_here
from tests.corpus import ugly_messages
from tests.pop3.fakes import ANNA, APP

MESSAGES = [
    data
    for name, data in sorted(ugly_messages().items())
    if b"\n" not in data.replace(b"\r\n", b"") and data.endswith(b"\r\n") and len(data) < 600_000
]


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "mail", SystemClock())
    store.start()
    yield store
    run_here(store.settle())
    store.stop()


def inbox(store):
    return run_here(store.home(ANNA.address).open("INBOX"))[0]


def fill(store, messages):
    mailbox = inbox(store)
    for message in messages:
        incoming = mailbox.incoming()
        run_here(incoming.write(message))
        run_here(mailbox.append(incoming))
    mailbox.close()


def talk(store, conversation):
    """Run a server and have a conversation with it in a thread."""

    async def serve():
        threads = Threads(2)
        gate = Gate(Directory(frozenset({"office.test"}), {ANNA.address: ANNA}), SystemClock())
        factory = pop3_sessions(Context(gate, store, plain_on_loopback=True))
        gone = []
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: Connection(factory, Entrance(threads), gone.append), "127.0.0.1", 0
        )
        port = server.sockets[0].getsockname()[1]
        try:
            return await asyncio.to_thread(conversation, port)
        finally:
            server.close()
            threads.close()

    return asyncio.run(serve())


def log_in(port):
    client = poplib.POP3("127.0.0.1", port, timeout=20)
    client.user(ANNA.address)
    client.pass_(APP)
    return client


def test_a_maildrop_is_collected_and_emptied(store):
    fill(store, MESSAGES)
    mailbox = inbox(store)
    wanted_ids = [f"{uid:08x}{mailbox.uidvalidity:08x}" for uid in mailbox.rows.uids]

    def conversation(port):
        client = log_in(port)
        assert client.stat() == (len(MESSAGES), sum(map(len, MESSAGES)))
        ids = [line.split()[1].decode() for line in client.uidl()[1]]
        # the client's own limit on a line is 2 KiB, so long lines are compared elsewhere
        for number, message in enumerate(MESSAGES, start=1):
            if max(map(len, message.split(b"\r\n"))) < 2000:
                _, lines, _ = client.retr(number)
                assert b"".join(line + b"\r\n" for line in lines) == message
                client.dele(number)
        client.quit()
        again = log_in(port)
        left = again.stat()[0]
        again.quit()
        return ids, left

    ids, left = talk(store, conversation)
    assert ids == wanted_ids
    long_ones = [m for m in MESSAGES if max(map(len, m.split(b"\r\n"))) >= 2000]
    assert left == len(long_ones) > 0
    assert len(mailbox.rows) == left
    mailbox.close()


def test_what_was_retrieved_is_seen_in_imap(store):
    fill(store, MESSAGES[:3])

    def conversation(port):
        client = log_in(port)
        client.retr(2)
        client.quit()

    talk(store, conversation)
    mailbox = inbox(store)
    assert [flags & SEEN for flags in mailbox.rows.flags] == [0, SEEN, 0]
    mailbox.close()


def test_one_session_at_a_time(store):
    fill(store, MESSAGES[:1])

    def conversation(port):
        first = log_in(port)
        with pytest.raises(poplib.error_proto, match="IN-USE"):
            log_in(port)
        first.quit()
        log_in(port).quit()

    talk(store, conversation)
