"""./build.sh bench queue: what 10,000 waiting messages cost in memory and at the start, and that local
mail goes past them."""

import shutil
import smtplib
import tempfile
import time
from pathlib import Path

from appliance import control
from appliance.queue.envelope import Envelope, Recipient, to_json
from appliance.queue.journal import line_of
from tests.bench.servers import PASSWORD, Ours

WAITING, DOMAINS = 10_000, 500
MESSAGE = b"Return-Path: <user0@office.test>\r\nSubject: Figures\r\n\r\n" + b"It waits.\r\n" * 100


def fill(directory: Path, number: int) -> None:
    """Messages as a running box leaves them when nothing outside answers."""
    directory.mkdir(parents=True, exist_ok=True)
    now = time.time()
    with (directory / "journal").open("wb") as journal:
        for each in range(number):
            identity = f"Qbench{each:06d}"
            (directory / f"{identity}.eml").write_bytes(MESSAGE)
            to = f"somebody.{each}@domain{each % DOMAINS}.test"
            envelope = Envelope(
                "user0@office.test", (Recipient(to, is_local=False, named=to),), now - 600,
                size=len(MESSAGE), return_path_octets=34, account="user0@office.test",
                message_id=f"<{each}.1790000000@office.test>", peer="192.168.1.20",
            )  # fmt: skip
            accepted = {"t": "accepted", "id": identity, "envelope": to_json(envelope)}
            journal.write(line_of(accepted))


def started(ours) -> float:
    """Seconds until mail is taken and the command line is answered."""
    begun = time.monotonic()
    ours.start()
    with smtplib.SMTP("127.0.0.1", ours.port(25), timeout=20) as client:
        client.noop()
    return time.monotonic() - begun


def accepted_and_delivered(ours) -> tuple[float, float]:
    """Seconds from the end of a message to its 250, and to the mailbox."""
    new = ours.maildir("user0") / "new"
    before = len(list(new.glob("*"))) if new.exists() else 0
    with smtplib.SMTP("127.0.0.1", ours.port(587), timeout=20) as client:
        client.login(ours.user("user0").decode(), PASSWORD.decode())
        begun = time.monotonic()
        client.sendmail("user0@office.test", ["user0@office.test"], MESSAGE[34:])
        took = time.monotonic() - begun
    while not new.exists() or len(list(new.glob("*"))) == before:
        time.sleep(0.002)
    return took, time.monotonic() - begun


def main() -> None:
    """Measure, and print."""
    folder = Path(tempfile.mkdtemp(prefix="pillarbox-bench-", dir="/tmp"))
    try:
        ours = Ours(folder / "ours", 21000)
        ours.pillarbox("domain", "add", "office.test")
        ours.add_user("user0")
        ours.pillarbox("relay", "add", "dead", "127.0.0.1", "--port", "9", "--tls", "none")
        ours.pillarbox("relay", "default", "dead")
        memory: dict[int, int] = {}
        for number, what in ((0, "empty"), (WAITING, "first start"), (WAITING, "again")):
            if what == "first start":
                fill(ours.state / "mail" / "queue", number)
            seconds = started(ours)
            time.sleep(3)
            cpu = ours.cpu()
            time.sleep(60 if number else 1)
            cpu, memory[number] = ours.cpu() - cpu, ours.pss()
            waits = len(control.ask(ours.state, "queue_list"))
            took, there = accepted_and_delivered(ours)
            print(
                f"{waits:,} wait ({what}): ready after {seconds:.2f} s, {memory[number] / 2**20:.1f} "
                f"MiB (PSS), idle {cpu:.2f} s CPU a minute; local mail: 250 after "
                f"{took * 1000:.0f} ms, in the mailbox after {there * 1000:.0f} ms",
                flush=True,
            )
            ours.stop()
        print(f"a waiting message costs {(memory[WAITING] - memory[0]) / WAITING:.0f} octets")
    finally:
        shutil.rmtree(folder)
