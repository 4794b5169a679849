"""What is measured. Each operation is a function of (side, user, count) that does the same work on
either side; the time of its set-up does not count (it is done by `prepare`)."""

from dataclasses import dataclass
from threading import Thread

from tests.bench.servers import PASSWORD
from tests.bench.wire import Imap, Lines

APPENDED = (
    b"From: a@b.example\r\nTo: c@d.example\r\nSubject: appended\r\nMessage-ID: <%d@x>\r\n\r\n"
    + b"line of text here\r\n" * 100
)


@dataclass
class Operation:
    name: str
    run: object  # (connection or side, state) -> octets of the answers
    goal: float  # the ratio of performance.md marked "first"
    times: int = 1
    logged_in: bool = True
    settle: float = 0.0  # seconds that belong to it (renames that are done behind)
    mailbox: bytes = b"INBOX"
    sizes: tuple = (500, 10_000, 50_000)
    before: object = None


def logins(side, user, tls):
    def once():
        connection = Imap(side.port(993 if tls else 143), tls=tls)
        said = connection.login(side.user(user), PASSWORD)
        connection.ask(b"LOGOUT")
        connection.close()
        return said

    return b"".join(once() for _ in range(200))


def repeat(command, times):
    def run(connection, _state):
        return b"".join(connection.ask(command) for _ in range(times))

    return run


def one(command):
    return repeat(command, 1)


def pages(connection, state):
    said = b""
    for number in range(100):
        first = number * 50 % max(1, state["count"] - 50) + 1
        said = connection.ask(
            b"FETCH %d:%d (FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)" % (first, first + 49)
        )
    return said


def bodies_one_by_one(connection, _state):
    """As a mail program does that collects new mail: one after the other."""
    return b"".join(connection.ask(b"FETCH %d BODY.PEEK[]" % n) for n in range(1, 500))


def store_one_by_one(connection, state):
    step = max(1, state["count"] // 200)
    said = b""
    for number in range(1, min(state["count"], 200 * step), step):
        said += connection.ask(b"STORE %d +FLAGS (\\Flagged)" % number)
        said += connection.ask(b"STORE %d -FLAGS (\\Flagged)" % number)
    return said


def store_all(connection, _state):
    said = connection.ask(b"STORE 1:* +FLAGS (\\Answered)")
    connection.ask(b"STORE 1:* -FLAGS (\\Answered)")
    return said


def copy_move_expunge(connection, state):
    last = min(1000, state["count"])
    connection.ask(b"COPY 1:%d Archive" % last)
    connection.ask(b"SELECT Archive")
    connection.ask(b"MOVE 1:%d Trash" % last)
    connection.ask(b"SELECT Trash")
    connection.ask(b"STORE 1:* +FLAGS.SILENT (\\Deleted)")
    connection.ask(b"EXPUNGE")
    return connection.ask(b"SELECT INBOX")


def ensure_folders(connection):
    for name in (b"Archive", b"Trash"):
        try:
            connection.ask(b"CREATE " + name)
        except AssertionError:
            continue


def append_alone(connection, _state):
    for number in range(200):
        connection.append(b"Archive", APPENDED % number)
    return b""


def append_ten(side, user, _tls):
    def one_client():
        connection = Imap(side.port(143))
        connection.login(side.user(user), PASSWORD, b"")
        for number in range(40):
            connection.append(b"Archive", APPENDED % number)
        connection.close()

    threads = [Thread(target=one_client) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return b""


def pop3_whole(side, user, _tls):
    connection = Lines(side.port(110))
    connection.ask(b"USER " + side.user(user))
    connection.ask(b"PASS " + PASSWORD)
    listed = connection.multiline(b"UIDL").count(b"\r\n")
    size = 0
    for number in range(1, min(listed, 2000) + 1):
        size += len(connection.multiline(b"RETR %d" % number))
    connection.ask(b"QUIT")
    connection.close()
    return b"%d" % size


OPERATIONS = [
    Operation("login + SELECT + logout, 200 times", logins, 1.0, logged_in=False),
    Operation("NOOP, 2,000 times", repeat(b"NOOP", 2000), 1.0),
    Operation("FETCH 1:* FLAGS", one(b"FETCH 1:* FLAGS"), 1.0),
    Operation("UID FETCH 1:* FLAGS", one(b"UID FETCH 1:* (FLAGS)"), 1.0),
    Operation(
        "FETCH 1:* (ENVELOPE BODYSTRUCTURE)", one(b"FETCH 1:* (ENVELOPE BODYSTRUCTURE)"), 0.5
    ),
    Operation("pages of 50, 100 times", pages, 0.8),
    Operation("BODY[] one by one, 500", bodies_one_by_one, 1.5),
    Operation(
        "BODY[] in bulk, 2,000", one(b"FETCH 1:2000 BODY.PEEK[]"), 1.5, sizes=(10_000, 50_000)
    ),
    Operation("SEARCH by flag", repeat(b"UID SEARCH UNSEEN", 20), 1.0),
    Operation("SEARCH by date", repeat(b"UID SEARCH SINCE 10-Nov-2026", 5), 1.0),
    Operation("SEARCH by header (subject)", repeat(b"UID SEARCH SUBJECT invoice", 5), 1.0),
    Operation("SEARCH by header (from)", repeat(b"UID SEARCH FROM office", 5), 1.0),
    Operation("SEARCH TEXT, substring", one(b"UID SEARCH TEXT figur"), 1.0),
    Operation("STORE one by one, 400", store_one_by_one, 1.0, settle=4),
    Operation("STORE 1:*, twice, with renames", store_all, 1.5, settle=4),
    Operation(
        "COPY, MOVE, EXPUNGE of 1,000", copy_move_expunge, 1.5, settle=4, before=ensure_folders
    ),
    Operation("APPEND, 1 client, 200", append_alone, 1.5, settle=2, before=ensure_folders),
    Operation("APPEND, 10 clients, 400", append_ten, 1.5, logged_in=False, settle=2, sizes=(500,)),
    Operation(
        "POP3, whole maildrop of up to 2,000", pop3_whole, 1.5, logged_in=False, sizes=(10_000,)
    ),
]
