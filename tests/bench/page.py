"""What the page costs: CPU of the daemon for each page, and its memory: ./build.sh bench page.

An office of 100 accounts with thirty days of trace (30,000 messages), four weeks of measurements, a
log of more lines than are shown, and a setting that was changed. CPU is user and system time
of the daemon over 20 requests each, by one browser that keeps its session; memory is the
proportional set size before anybody opened the page, and after every page was shown in two languages.
"""

from __future__ import annotations

import os
import socket
import tempfile
import time
from pathlib import Path

from appliance.accounts.database import AccountsDatabase
from appliance.accounts.registry import Registry
from appliance.health.samples import Samples
from appliance.trace.archive import Archive, Event, Message
from tests.support.box import Box
from tests.web.browser import Reader, make_owner

ACCOUNTS, MESSAGES, REQUESTS = 100, 30_000, 20
GOAL_MS, GOAL_MIB = 50.0, 25.0
PAGES = (
    "/", "/people", "/people/anna@office.test", "/flow", "/trace?hours=744",
    "/trace?sender=user50&hours=744", "/queue", "/backups", "/disks", "/health", "/health?span=week",
    "/health?span=month", "/settings", "/settings/smtp", "/log", "/changes", "/me",
    "/moving-in",
)  # fmt: skip


def fill(state: Path) -> None:
    """People, and what became of their mail."""
    database = AccountsDatabase(state)
    try:
        registry, now = Registry(database, time.time()), time.time()
        registry.add_domain("office.test")
        for number in range(ACCOUNTS):
            registry.add_account(f"user{number}@office.test", "a password for all")
        at = [now - number * 30 * 86400 / MESSAGES for number in range(MESSAGES)]
        messages = [
            Message(
                f"Q{n}", at[n], f"user{n % ACCOUNTS}@office.test", ("x@example.net",), size=9000
            )
            for n in range(MESSAGES)
        ]
        events = [
            Event(at[n] + 1, "relayed", f"Q{n}", recipient="x@example.net", remote="mx.example.net")
            for n in range(MESSAGES)
        ]
        Archive(database).write(messages, events)
        samples = Samples(database)
        for number in range(28 * 24 * 2):
            values = {"came": 9.0, "went": 5.0, "waiting": number % 7, "temperature": 50 + number % 9,
                      "space": 4e10 + number, "size": 1e11}  # fmt: skip
            samples.keep(values, now - 28 * 86400 + number * 1800)
        for number in range(288):
            samples.keep({"came": 1.0, "waiting": number % 7}, now - 86400 + number * 300)
    finally:
        database.close()


def knock(box: Box, times: int = 250) -> None:
    """Fill the log: each time a line about somebody who does not speak IMAP."""
    for _ in range(times):
        with socket.create_connection(("127.0.0.1", box.port(143))) as client:
            client.sendall(b"?\r\n" * 12)
            while client.recv(4096):
                pass


def cpu_ms(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


def pss_mib(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(each.split()[1]) for each in lines if each.startswith("Pss:")) / 1024


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="pillarbox-bench-", dir="/tmp") as name:
        box = Box(Path(name) / "box")
        fill(box.state)
        box._people.clear()
        box.start()
        try:
            assert box.process is not None
            pid = box.process.pid
            before = pss_mib(pid)
            box.cli("account", "add", "anna@office.test", "--password-stdin", stdin="a password\n")
            make_owner(box)
            reader = Reader(box)
            reader.log_in()
            knock(box)
            kept = {"days": 40, "most_events": 300_000, "subjects": False}
            assert reader.api("PUT", "/settings/trace", kept).status == 204
            print("| page | CPU of the daemon | wall | octets | goal | reached |")
            print("|---|---|---|---|---|---|")
            for path in PAGES:
                reader.get(path)
                began, spent = time.monotonic(), cpu_ms(pid)
                for _ in range(REQUESTS):
                    answer = reader.get(path)
                    assert answer.status == 200
                each = (cpu_ms(pid) - spent) / REQUESTS
                wall = (time.monotonic() - began) * 1000 / REQUESTS
                print(
                    f"| {path} | {each:.1f} ms | {wall:.0f} ms | {len(answer.text):,} "
                    f"| {GOAL_MS:.0f} ms | {'yes' if each < GOAL_MS else 'NO'} |", flush=True,
                )  # fmt: skip
            reader.language = "de"
            for path in PAGES:
                reader.get(path)
            print(f"\nMemory: {before:.0f} MiB before, {pss_mib(pid):.0f} MiB after.")
        finally:
            box.terminate()


if __name__ == "__main__":
    main()
