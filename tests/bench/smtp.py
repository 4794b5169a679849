"""Mail in: SMTP to the durable 250 to visible in IMAP, beside Postfix with Dovecot's LMTP; and
what has no rival: latency to an idle client, memory, flushes."""

import re
import statistics
import subprocess
import tempfile
import threading
import time

import psutil

from tests.bench import relay
from tests.bench.servers import PASSWORD, Postfix
from tests.bench.wire import Imap, Lines

MESSAGE = (
    b"From: a@else.example\r\nTo: b@office.test\r\nSubject: bench\r\nDate: Mon, 2 Nov 2026 10:00:00 +0100\r\nMessage-ID: <x@y>\r\n\r\n"
    + b"a line of text of some length here\r\n" * 100
)


def pids_of(process):
    return [
        process.pid,
        *(child.pid for child in psutil.Process(process.pid).children(recursive=True)),
    ]


def flushes(processes, act, count):
    """Calls of fsync and fdatasync for each of `count` messages, with what is done behind."""
    with tempfile.NamedTemporaryFile("r") as found:
        words = ["strace", "-f", "-q", "-e", "trace=fsync,fdatasync", "-o", found.name]
        for process in processes:
            for pid in pids_of(process):
                words += ["-p", str(pid)]
        tracer = subprocess.Popen(words, stderr=subprocess.DEVNULL)
        time.sleep(2)
        act()
        time.sleep(8)
        tracer.terminate()
        tracer.wait()
        return len(re.findall(r"f(?:data)?sync\(", found.read())) / count


def send(port, user, count, pause=0.0):
    sender = Lines(port)
    sender.ask(b"EHLO bench.example")
    for _ in range(count):
        sender.mail(b"a@else.example", user.encode() + b"@office.test", MESSAGE)
        time.sleep(pause)
    sender.close()


def send_at_once(port, user, senders, each):
    threads = [threading.Thread(target=send, args=(port, user, each)) for _ in range(senders)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def flushes_of(port, user, processes):
    """Alone, one after the other, and twenty senders at once."""
    return {
        "alone": flushes(processes, lambda: send(port, user, 4, pause=10), 4),
        "in_a_row": flushes(processes, lambda: send(port, user, 100), 100),
        "twenty_senders": flushes(processes, lambda: send_at_once(port, user, 20, 10), 200),
    }


def exists(connection):
    said = connection.ask(b"STATUS INBOX (MESSAGES)")
    return int(said.split(b"MESSAGES ")[1].split(b")")[0])


def deliver(port, cpu, side, user, count):
    """Send `count` messages over one connection and wait until all are seen by IMAP."""
    reader = Imap(side.port(143))
    reader.login(side.user(user), PASSWORD, b"")
    before = exists(reader)
    sender = Lines(port)
    sender.ask(b"EHLO bench.example")
    started, begun = cpu(), time.monotonic()
    for _ in range(count):
        sender.mail(b"a@else.example", user.encode() + b"@office.test", MESSAGE)
    accepted = time.monotonic() - begun
    end = time.monotonic() + 60
    while exists(reader) < before + count and time.monotonic() < end:
        time.sleep(0.02)
    visible = time.monotonic() - begun
    time.sleep(2.5)  # what is done behind belongs to it
    used = cpu() - started
    sender.close()
    reader.close()
    return {
        "cpu_ms": used / count * 1000,
        "accepted_s": accepted,
        "visible_s": visible,
    }


def idle_latency(side, user, port, count=50):
    """Wall time from the 250 to EXISTS at a client in IDLE."""
    watcher = Imap(side.port(143))
    watcher.login(side.user(user), PASSWORD)
    watcher.socket.sendall(b"i IDLE\r\n")
    watcher.line()
    sender = Lines(port)
    sender.ask(b"EHLO bench.example")
    found = []
    for _ in range(count):
        sender.mail(b"a@else.example", user.encode() + b"@office.test", MESSAGE)
        begun = time.monotonic()
        while b"EXISTS" not in watcher.line():
            continue
        found.append((time.monotonic() - begun) * 1000)
        time.sleep(0.02)
    sender.close()
    watcher.close()
    return {"median_ms": statistics.median(found), "p95_ms": sorted(found)[int(count * 0.95)]}


def held_up(side, user, port, seconds=10):
    """How long one client's NOOP waits while others search texts, fetch all and send mail."""
    ending = threading.Event()

    def load(command):
        connection = Imap(side.port(143))
        connection.login(side.user(user), PASSWORD)
        while not ending.is_set():
            connection.ask(command)
        connection.close()

    def send():
        sender = Lines(port)
        sender.ask(b"EHLO bench.example")
        while not ending.is_set():
            sender.mail(b"a@else.example", user.encode() + b"@office.test", MESSAGE)
        sender.close()

    threads = [
        threading.Thread(target=load, args=(c,))
        for c in (
            b"SEARCH TEXT nothinglikethis",
            b"FETCH 1:* BODY.PEEK[]",
            b"STORE 1:* FLAGS (\\Seen)",
        )
    ]
    threads.append(threading.Thread(target=send))
    for thread in threads:
        thread.start()
    watcher = Imap(side.port(143))
    watcher.login(side.user(user), PASSWORD, b"")
    found, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        begun = time.monotonic()
        watcher.ask(b"NOOP")
        found.append((time.monotonic() - begun) * 1000)
        time.sleep(0.002)
    ending.set()
    for thread in threads:
        thread.join()
    watcher.close()
    found.sort()
    return {
        "p50_ms": found[len(found) // 2],
        "p99_ms": found[int(len(found) * 0.99)],
        "p99_9_ms": found[int(len(found) * 0.999)],
        "asked": len(found),
    }


def idle_memory(side, user, count):
    """What each of `count` connections in IDLE over TLS adds, in KiB."""
    before = side.pss()
    inside = []
    for _ in range(count):
        connection = Imap(side.port(993), tls=True)
        connection.login(side.user(user), PASSWORD)
        connection.socket.sendall(b"i IDLE\r\n")
        connection.line()
        inside.append(connection)
    time.sleep(1)
    after = side.pss()
    for connection in inside:
        connection.close()
    return {"before_MiB": before / 2**20, "each_KiB": (after - before) / count / 1024}


def measure_all(folder, sides, user):
    """All of the above; printed and returned."""
    ours, dovecot = sides[0], sides[1]
    postfix = Postfix(folder / "postfix", 24025, dovecot.port(24))
    postfix.start()
    found = []
    try:
        ours_runs, their_runs = [], []
        for _ in range(5):
            ours_runs.append(deliver(ours.port(25), ours.cpu, ours, user, 200))
            their_runs.append(
                deliver(24025, lambda: postfix.cpu() + dovecot.cpu(), dovecot, user, 200)
            )
        for name, runs in (("Pillarbox", ours_runs), ("Postfix + LMTP", their_runs)):
            found.append(
                {
                    "what": "SMTP to visible, 200 messages, one connection",
                    "side": name,
                    **{k: statistics.median(r[k] for r in runs) for k in runs[0]},
                }
            )
        found += relay.measure(ours, postfix, user, 24026)
        for name, port, processes in (
            ("Pillarbox", ours.port(25), [ours.process]),
            ("Postfix + LMTP", 24025, [postfix.process, dovecot.process]),
        ):
            counted = flushes_of(port, user, processes)
            found.append({"what": "flushes for each message (strace)", "side": name, **counted})
        found.append(
            {
                "what": "250 to EXISTS",
                "side": "Pillarbox",
                **idle_latency(ours, user, ours.port(25)),
            }
        )
        found.append(
            {
                "what": "NOOP while four others work without pause",
                "side": "Pillarbox",
                **held_up(ours, user, ours.port(25)),
            }
        )
        for side in (ours, dovecot):
            found.append(
                {
                    "what": "memory, 100 connections in IDLE over TLS",
                    "side": side.name,
                    **idle_memory(side, user, 100),
                }
            )
    finally:
        postfix.stop()
    for each in found:
        print({k: round(v, 3) if isinstance(v, float) else v for k, v in each.items()}, flush=True)
    return found
