"""./build.sh bench [NAME ...]: our daemon beside Dovecot and Postfix, alternating, in one run.

    --sizes 500,10000   only these mailboxes        --rounds 5   how many rounds
    start               only how long the daemon takes to start with 500,000 messages
    queue               only what 10,000 waiting messages cost
    page                only what the LAN page costs
    move                only moving the mail to another disk
    backup              only backups, beside plain restic; and how mail answers meanwhile
    --tls               over TLS                    NAME         only operations whose name has it

Compared are CPU seconds of all server processes; ratios are ours / theirs, medians over rounds,
against the better of Dovecot's two configurations. Needs root (Dovecot and Postfix do).
"""

import argparse
import json
import platform
import statistics
import subprocess
import tempfile
import time
from datetime import date
from pathlib import Path

from tests.bench import backup, mailbox, meanwhile, move, page, queue, smtp, start
from tests.bench.operations import OPERATIONS
from tests.bench.servers import PASSWORD, Dovecot, Ours
from tests.bench.wire import Imap

ROOT = Path(__file__).parents[2]


def user_of(count):
    return f"user{count}"


def warm(side, count, tls):
    connection = Imap(side.port(993 if tls else 143), tls=tls)
    connection.login(side.user(user_of(count)), PASSWORD)
    connection.ask(b"FETCH 1:* (ENVELOPE BODYSTRUCTURE FLAGS INTERNALDATE RFC822.SIZE)")
    connection.ask(b"SEARCH SUBJECT x FROM y")
    connection.ask(b"LOGOUT")
    connection.close()


def measure(side, operation, count, tls):
    """(CPU seconds, wall seconds, octets of the answers)"""
    state = {"count": count}
    connection = None
    if operation.logged_in:
        connection = Imap(side.port(993 if tls else 143), tls=tls)
        connection.login(side.user(user_of(count)), PASSWORD)
        if operation.before:
            operation.before(connection)
    cpu, wall = side.cpu(), time.monotonic()
    if connection is None:
        said = operation.run(side, user_of(count), tls)
    else:
        said = operation.run(connection, state)
    wall = time.monotonic() - wall
    if operation.settle:
        time.sleep(operation.settle)
    if connection is not None:
        connection.ask(b"LOGOUT")
        connection.close()
        if operation.settle:
            time.sleep(1)
    return side.cpu() - cpu, wall, len(said)


def rebuild(side, count, tls):
    """First SELECT and ENVELOPE after the index was lost."""
    side.stop()
    side.forget_index(user_of(count))
    side.start()
    connection = Imap(side.port(143))
    connection.login(side.user(user_of(count)), PASSWORD, b"")  # the password check apart
    time.sleep(0.5)
    cpu, wall = side.cpu(), time.monotonic()
    connection.ask(b"SELECT INBOX")
    said = connection.ask(b"FETCH 1:* (ENVELOPE)")
    connection.close()
    return side.cpu() - cpu, time.monotonic() - wall, len(said)


def row(name, goal, count, results):
    """results: side name -> list of (cpu, wall, octets)"""
    medians = {
        side: tuple(statistics.median(value[i] for value in values) for i in range(3))
        for side, values in results.items()
    }
    ours = medians.pop("Pillarbox")
    best = min(medians, key=lambda side: medians[side][0])
    theirs = medians[best]
    ratio = ours[0] / max(theirs[0], 0.0001)
    return {
        "operation": name,
        "mailbox": count,
        "ours_cpu": ours[0],
        "theirs_cpu": theirs[0],
        "ours_wall": ours[1],
        "theirs_wall": theirs[1],
        "against": best,
        "ratio": ratio,
        "goal": goal,
        "reached": ratio <= goal,
        "octets_ours": ours[2],
        "octets_theirs": theirs[2],
        "rounds": len(next(iter(results.values()))),
    }


def show(found):
    print(
        f"| {found['operation']} | {found['mailbox']:,} | {found['ours_cpu'] * 1000:,.1f} ms | {found['theirs_cpu'] * 1000:,.1f} ms | "
        f"{found['ratio']:.2f} | {found['goal']} | {'yes' if found['reached'] else 'NO'} | "
        f"{found['ours_wall']:.2f} / {found['theirs_wall']:.2f} s | {found['octets_ours']:,.0f} / {found['octets_theirs']:,.0f} |",
        flush=True,
    )


HEADING = """| operation | mailbox | ours | theirs | ratio | goal | reached | wall, ours / theirs | octets of the answers |
|---|---|---|---|---|---|---|---|---|"""


def imap_rounds(sides, wanted, sizes, options):
    found = []
    for count in sizes:
        for side in sides:
            warm(side, count, options.tls)
        for operation in wanted:
            if count not in operation.sizes:
                continue
            results = {side.name: [] for side in sides}
            for _ in range(options.rounds):
                for side in sides:
                    results[side.name].append(measure(side, operation, count, options.tls))
            found.append(row(operation.name, operation.goal, count, results))
            show(found[-1])
        if options.rebuild:
            results = {
                side.name: [rebuild(side, count, options.tls) for _ in range(2)] for side in sides
            }
            found.append(row("first SELECT + ENVELOPE, index lost", 2.0, count, results))
            show(found[-1])
    return found


def set_up(folder, sizes):
    ours = Ours(folder / "ours", 21000)
    ours.pillarbox("domain", "add", "office.test")
    for count in sizes:
        ours.add_user(user_of(count))
    ours.start()  # makes the certificate that both use
    ours.stop()
    cert = folder / "cert.pem"
    cert.write_bytes((ours.state / "tls" / "server.pem").read_bytes())
    cert.chmod(0o600)
    sides = [
        ours,
        Dovecot(folder / "reused", 22000, cert, reused=True),
        Dovecot(folder / "default", 23000, cert, reused=False),
    ]
    for count in sizes:
        names = mailbox.make(folder / "mail" / str(count), count)
        for side in sides:
            mailbox.link_into(names, side.maildir(user_of(count)))
    for side in sides:
        side.start()
    return sides


def versions():
    def said(*words):
        return subprocess.run(words, capture_output=True, text=True, check=False).stdout.split(
            "\n"
        )[0]

    return {
        "date": date.today().isoformat(),  # noqa: DTZ011 - a date for people
        "machine": f"{platform.machine()}, {platform.release()}, Python {platform.python_version()}",
        "dovecot": said("dovecot", "--version"),
        "postfix": said("postconf", "-h", "mail_version"),
    }


def backups():
    backup.main()
    meanwhile.main()


def main():
    parser = argparse.ArgumentParser(prog="./build.sh bench")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--sizes", default="500,10000,50000")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--no-rebuild", dest="rebuild", action="store_false")
    parser.add_argument("--json", default="var/bench.json")
    options = parser.parse_args()
    apart = {
        "start": start.main,
        "backup": backups,
        "queue": queue.main,
        "move": move.main,
        "page": page.main,
    }
    if len(options.names) == 1 and options.names[0] in apart:
        apart[options.names[0]]()
        return
    sizes = [int(text) for text in options.sizes.split(",")]
    wanted = [
        o
        for o in OPERATIONS
        if not options.names or any(n.lower() in o.name.lower() for n in options.names)
    ]
    about = versions()
    print(f"{about}\n\n{HEADING}", flush=True)
    with tempfile.TemporaryDirectory(prefix="pillarbox-bench-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        sides = set_up(folder, sizes)
        try:
            found = imap_rounds(sides, wanted, sizes, options)
            extra = (
                smtp.measure_all(folder, sides, user_of(sizes[0]))
                if not options.names or "smtp" in options.names
                else []
            )
        finally:
            for side in sides:
                side.stop()
    output = ROOT / options.json
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps({"about": about, "rows": found, "more": extra}, indent=1))
    print(f"\nwritten to {options.json}")


if __name__ == "__main__":
    main()
