"""./build.sh bench start: from starting the daemon to its first answers, with 50 accounts and
500,000 messages on the disk; and what ten idle accounts cost in memory."""

import os
import shutil
import tempfile
import time
from pathlib import Path

from tests.bench import mailbox
from tests.bench.servers import PASSWORD, Ours
from tests.bench.wire import Imap

ACCOUNTS, EACH = 50, 10_000


def fill(ours, names):
    """Hard links with UIDs in their names, as a running box leaves them."""
    for number in range(ACCOUNTS):
        maildir = ours.maildir(f"user{number}")
        for part in ("cur", "new", "tmp"):
            os.makedirs(maildir / part, mode=0o700, exist_ok=True)
        (maildir / ".uidvalidity").write_text(f"17900000{number:02d}\n{EACH}\n")
        for uid in range(1, EACH + 1):
            source = names[uid % len(names)]
            size = os.path.getsize(source)
            name = f"{1_790_000_000 + uid}.M{uid}P1.bench,S={size},U={uid}:2,S"
            os.link(source, maildir / "cur" / name)


def started(ours):
    """Seconds until a client has its greeting, is logged in, and has selected 10,000 messages."""
    begun = time.monotonic()
    ours.start(wait=False)
    while True:
        try:
            connection = Imap(ours.port(143))
            break
        except OSError:
            time.sleep(0.01)
    greeting = time.monotonic() - begun
    connection.ask(b"LOGIN %b %b" % (ours.user("user7"), PASSWORD))
    login = time.monotonic() - begun
    said = connection.ask(b"SELECT INBOX")
    assert b"* 10000 EXISTS" in said, said
    selected = time.monotonic() - begun
    connection.close()
    return greeting, login, selected


def ten_accounts(ours, what):
    """Memory while ten people have 10,000 messages each selected, and after they left."""
    inside = []
    for number in range(10, 20):
        connection = Imap(ours.port(143))
        connection.login(ours.user(f"user{number}"), PASSWORD)
        inside.append(connection)
    time.sleep(3)
    print(
        f"10 accounts connected, 10,000 messages selected each, {what} (PSS): {ours.pss() / 2**20:.1f} MiB"
    )
    for connection in inside:
        connection.close()
    time.sleep(5)
    print(f"  5 s after they left: {ours.pss() / 2**20:.1f} MiB")


def main():
    folder = Path(tempfile.mkdtemp(prefix="pillarbox-bench-", dir="/tmp"))
    try:
        ours = Ours(folder / "ours", 21000)
        ours.pillarbox("domain", "add", "office.test")
        for number in range(ACCOUNTS):
            ours.add_user(f"user{number}")
        names = mailbox.make(folder / "mail", 500)
        fill(ours, names)
        for what in ("indexes missing", "indexes there", "indexes there"):
            times = started(ours)
            print(
                f"start, {ACCOUNTS * EACH:,} messages, {what}: greeting {times[0]:.2f} s, login {times[1]:.2f} s, SELECT of 10,000 {times[2]:.2f} s"
            )
            print(f"  memory then (PSS): {ours.pss() / 2**20:.1f} MiB")
            ours.stop()
        for what in ("their indexes missing", "their indexes there"):
            ours.start()
            ten_accounts(ours, what)
            ours.stop()
    finally:
        shutil.rmtree(folder)
