"""A store with one INBOX in memory, and a session on it."""

from array import array

from appliance.accounts import passwords
from appliance.accounts.directory import Account, AppPassword, Directory
from appliance.accounts.login import Gate
from appliance.clock import SetClock
from appliance.errors import NotFound, PillarboxError, StorageOffline
from appliance.net.session import Link, Peer, StartTls
from appliance.pop3.authorization import Context
from appliance.pop3.session import Pop3Session
from appliance.store.flags import DELETED
from appliance.threads import Work, in_thread

PASSWORD = "secret of anna"
APP = "abcd-efgh-jkmn-pqrs-tuvw"  # app passwords are checked at once
UIDVALIDITY = 0x5F00ABCD
ANNA = Account(
    "anna@office.test",
    "Anna",
    0,
    passwords.argon2(PASSWORD),
    passwords.scram_keys(PASSWORD),
    (AppPassword(1, "pc", passwords.app_password_hash(APP), frozenset({"pop3"}), 0, 0, ""),),
)


class Rows:
    def __init__(self, messages):
        self.uids = array("I", range(1, len(messages) + 1))
        self.sizes = array("I", map(len, messages))


class Mailbox:
    """The part of the store's Mailbox that POP3 uses."""

    def __init__(self, messages):
        self.uidvalidity = UIDVALIDITY
        self.rows = Rows(messages)
        self.content = dict(zip(self.rows.uids, messages, strict=True))
        self.flags = dict.fromkeys(self.content, 0)
        self.opened = 0
        self.hops = 0
        self.fails = False

    def _hop(self, value=None):
        def run():
            self.hops += 1
            if self.fails:
                raise StorageOffline("The mail disk is not there.")
            return value

        return in_thread(run)

    def row_of(self, uid):
        return uid - 1 if uid in self.content else None

    def close(self):
        self.opened -= 1

    def read(self, uid, *, start=0, length=None):
        yield from self._hop()
        if uid not in self.content:
            raise NotFound("It is gone.")
        return self.content[uid][start : None if length is None else start + length]

    def read_many(self, uids, *, limit=1 << 20):
        yield from self._hop()
        return [(uid, self.content.get(uid)) for uid in uids]

    def store_flags(self, uids, *, add=0):
        yield from self._hop()
        for uid in uids:
            self.flags[uid] |= add
        return []

    def expunge(self, uids):
        yield from self._hop()
        gone = [uid for uid in uids if self.flags[uid] & DELETED]
        self.remove(gone)
        return gone

    def remove(self, uids):
        for uid in uids:
            del self.content[uid]


class Home:
    def __init__(self, mailbox):
        self.mailbox = mailbox

    def open(self, name):
        assert name == "INBOX"
        yield from self.mailbox._hop()
        self.mailbox.opened += 1
        return self.mailbox


class Store:
    def __init__(self, messages):
        self.mailbox = Mailbox(messages)

    def home(self, address):
        assert address == ANNA.address
        return Home(self.mailbox)


def make_context(messages, *, plain_on_loopback=False):
    gate = Gate(Directory(frozenset({"office.test"}), {ANNA.address: ANNA}), SetClock())
    return Context(gate, Store(messages), plain_on_loopback)


class Connection:
    """Plays the connection: carries out work, notes what the session asks for."""

    def __init__(self, context, *, secure=True, host="192.0.2.7"):
        self.context = context
        self.link = Link(Peer(host, 4711), secure=secure, tls_offered=not secure, wake=lambda: None)
        self.session = Pop3Session(context, self.link)
        self.pieces = []
        self.said = self.run(self.session.greet())

    def run(self, steps):
        """Carry out steps; return what was said, with signals in words."""
        said, value, error = b"", None, None
        while True:
            try:
                step = steps.throw(error) if error else steps.send(value)
            except StopIteration:
                return said
            value = error = None
            if isinstance(step, bytes):
                assert len(step) <= 64 * 1024
                self.pieces.append(step)
                said += step
            elif isinstance(step, Work):
                try:
                    value = step.run()
                except PillarboxError as failure:
                    error = failure
            elif isinstance(step, StartTls):
                self.link.secure, self.link.tls_offered = True, False
                said += b"(TLS begins)\r\n"
            elif type(step).__name__ == "Close":
                said += b"(closed)\r\n"

    def send(self, data):
        return self.run(self.session.receive(data))

    def log_in(self):
        said = self.send(b"USER anna@office.test\r\nPASS %b\r\n" % APP.encode())
        assert said.splitlines()[-1].startswith(b"+OK"), said
        return said

    def lost(self):
        return self.run(self.session.lost())
