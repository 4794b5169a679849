"""A working office: senders, IMAP and POP3 clients that write down what was acknowledged to them.

Every client runs in a thread until told to stop and survives the server's death: what had no
answer is unknown, what had one must be there. Each message carries a token of its own.
"""

import imaplib
import poplib
import random
import re
import smtplib
import threading
from collections import Counter

TOKEN = re.compile(rb"\r\nX-Token: (\S+)")


def letter(token, sender="x@else.test"):
    filler = "line of text\r\n" * (hash(token) % 50)
    return f"From: {sender}\r\nSubject: {token}\r\nX-Token: {token}\r\n\r\n{filler}".encode()


class Ledger:
    """What was acknowledged."""

    def __init__(self):
        self.lock = threading.Lock()
        self.accepted = set()  # 250 or OK to APPEND: must be there exactly once
        self.unknown = set()  # sent, no answer: there at most once
        self.removed = set()  # asked to be removed: may be gone
        self.uids = {}  # (mailbox, uidvalidity, uid) -> token, as seen by any client
        self.trouble = []

    def saw(self, mailbox, validity, uid, token):
        with self.lock:
            before = self.uids.setdefault((mailbox, validity, uid), token)
            if before != token:
                self.trouble.append(f"UID {uid} of {mailbox} was {before} and is now {token}")


class PlainWays:
    """How clients reach a box on this machine: without TLS, mail as from a stranger."""

    def __init__(self, box):
        self.box = box

    def sender(self, person):
        return "x@else.test"

    def smtp(self, person):
        return smtplib.SMTP("127.0.0.1", self.box.port(25), timeout=10)

    def imap(self):
        return imaplib.IMAP4("127.0.0.1", self.box.port(143), timeout=10)

    def pop3(self):
        return poplib.POP3("127.0.0.1", self.box.port(110), timeout=10)


class Worker(threading.Thread):
    """One client."""

    def __init__(self, ways, person, ledger, number, act):
        super().__init__(daemon=True)
        self.ways, self.person, self.ledger, self.act = ways, person, ledger, act
        self.random = random.Random(number)
        self.number, self.turn = number, 0
        self.ending = threading.Event()
        self.done = Counter()

    def token(self, kind):
        self.turn += 1
        return f"{kind}-{self.number}-{self.turn}"

    def run(self):
        while not self.ending.is_set():
            try:
                self.act(self)
            except (
                OSError,
                EOFError,
                smtplib.SMTPException,
                imaplib.IMAP4.error,
                poplib.error_proto,
            ):
                self.ending.wait(0.05)  # the server is dead or dying

    def pause(self):
        self.ending.wait(0.01)


def send(worker):
    """SMTP: a connection, some messages."""
    with worker.ways.smtp(worker.person) as client:
        for _ in range(10):
            token = worker.token("smtp")
            with worker.ledger.lock:
                worker.ledger.unknown.add(token)
            sender = worker.ways.sender(worker.person)
            client.sendmail(sender, [worker.person.address], letter(token, sender))
            with worker.ledger.lock:
                worker.ledger.unknown.discard(token)
                worker.ledger.accepted.add(token)
            worker.done["sent"] += 1
            if worker.ending.is_set():
                return


def tokens_of(client, mailbox, worker):
    status, data = client.select(mailbox)
    assert status == "OK", data
    validity = int(client.response("UIDVALIDITY")[1][0])
    status, data = client.uid("FETCH", "1:*", "(UID BODY.PEEK[HEADER.FIELDS (X-Token)])")
    found = {}
    for part in data or ():
        if isinstance(part, tuple):
            uid = int(re.search(rb"UID (\d+)", part[0])[1])
            match = TOKEN.search(b"\r\n" + part[1])
            if match:
                found[uid] = match[1].decode()
                worker.ledger.saw(f"{worker.person.address}/{mailbox}", validity, uid, found[uid])
    return found


def read(worker):
    """IMAP: look, flag, append, copy, move, and sometimes remove."""
    client = worker.ways.imap()
    try:
        client.login(worker.person.address, worker.person.password)
        found = tokens_of(client, "INBOX", worker)
        for uid in worker.random.sample(sorted(found), min(5, len(found))):
            client.uid(
                "STORE", str(uid), worker.random.choice(["+FLAGS", "-FLAGS"]), "(\\Seen $Label)"
            )
            worker.done["flagged"] += 1
        token = worker.token("append")
        with worker.ledger.lock:
            worker.ledger.unknown.add(token)
        status, _ = client.append("Archive", "(\\Seen)", None, letter(token))
        if status == "OK":
            with worker.ledger.lock:
                worker.ledger.unknown.discard(token)
                worker.ledger.accepted.add(token)
            worker.done["appended"] += 1
        if found:
            uid = worker.random.choice(sorted(found))
            if worker.random.random() < 0.5:
                client.uid("MOVE", str(uid), "Archive")
                worker.done["moved"] += 1
            elif worker.random.random() < 0.3:
                with worker.ledger.lock:
                    worker.ledger.removed.add(found[uid])
                client.uid("STORE", str(uid), "+FLAGS.SILENT", "(\\Deleted)")
                client.expunge()
                worker.done["expunged"] += 1
        tokens_of(client, "Archive", worker)
        client.logout()
    finally:
        client.shutdown()
    worker.pause()


def collect(worker):
    """POP3: list, fetch some, delete one at QUIT."""
    client = worker.ways.pop3()
    try:
        client.user(worker.person.address)
        client.pass_(worker.person.password)
        count, _ = client.stat()
        for number in range(1, min(count, 4) + 1):
            lines = client.retr(number)[1]
            token = next((line[9:].decode() for line in lines if line.startswith(b"X-Token: ")), "")
            if number == 1 and token:
                with worker.ledger.lock:
                    worker.ledger.removed.add(token)
                client.dele(number)
                worker.done["deleted"] += 1
        client.quit()
    finally:
        client.close()
    worker.pause()


class Office:
    """Ten senders, five IMAP and two POP3 clients on a few accounts."""

    def __init__(self, ways, people, *, first=0):
        """`first` makes the tokens of offices that work on one box after another differ."""
        self.ledger = Ledger()

        def worker(number, act, person=None):
            who = person or people[number % len(people)]
            return Worker(ways, who, self.ledger, first + number, act)

        self.workers = [worker(n, send) for n in range(10)]
        self.workers += [worker(100 + n, read) for n in range(5)]
        self.workers += [worker(200 + n, collect, people[-1]) for n in range(2)]

    def begin(self):
        for worker in self.workers:
            worker.start()

    def end(self):
        for worker in self.workers:
            worker.ending.set()
        for worker in self.workers:
            worker.join(20)

    def done(self):
        return dict(sum((worker.done for worker in self.workers), Counter()))


def everything(ways, people):
    """Every token that is now in any mailbox of these people, with how often."""
    found = Counter()
    for person in people:
        client = ways.imap()
        client.login(person.address, person.password)
        for mailbox in ("INBOX", "Archive"):
            client.select(mailbox, readonly=True)
            data = client.uid("FETCH", "1:*", "(BODY.PEEK[HEADER.FIELDS (X-Token)])")[1]
            for part in data or ():
                if isinstance(part, tuple) and (match := TOKEN.search(b"\r\n" + part[1])):
                    found[match[1].decode()] += 1
        client.logout()
    return found
