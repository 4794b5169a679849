"""How mail answers while a backup is made: one client fetches bodies, idle and during a run.

Part of ./build.sh bench backup; alone: python -m tests.bench.meanwhile
"""

from __future__ import annotations

import imaplib
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from appliance import control, files
from tests.bench.backup import MESSAGES, add
from tests.support.box import Box

IDLE_FETCHES = 5_000
GOAL = 3.0


def percentile(times: list[float], share: float) -> float:
    """In milliseconds."""
    return sorted(times)[int(len(times) * share)] * 1000


def fetches(client: imaplib.IMAP4, until: Callable[[int], bool]) -> list[float]:
    """Bodies of messages here and there, one after the other: how long each took."""
    rng, times = random.Random(7), []
    while not until(len(times)):
        uid = str(rng.randrange(1, MESSAGES + 1))
        begun = time.perf_counter()
        status, found = client.uid("FETCH", uid, "(BODY.PEEK[])")
        times.append(time.perf_counter() - begun)
        assert status == "OK"
        assert isinstance(found[0], tuple)
    return times


def one_run(box: Box, client: imaplib.IMAP4) -> tuple[list[float], float]:
    """Fetches while a backup is made, and how long that took."""
    begun, looked = time.monotonic(), [time.monotonic()]
    control.ask(box.state, "backup_now", to="")

    def is_over(_count: int) -> bool:
        if time.monotonic() - looked[0] < 0.5:
            return False
        looked[0] = time.monotonic()
        return not control.ask(box.state, "backup_progress")["is_busy"]

    times = fetches(client, is_over)
    told = control.ask(box.state, "backup_progress")
    assert told["outcome"] == "proven", told
    return times, time.monotonic() - begun


def row(name: str, times: list[float], idle: list[float]) -> str:
    ratio = percentile(times, 0.99) / percentile(idle, 0.99)
    return (
        f"| {name} | {len(times):,} | {statistics.median(times) * 1000:.2f} ms "
        f"| {percentile(times, 0.99):.2f} ms | {max(times) * 1000:.0f} ms | {ratio:.2f} | {GOAL} "
        f"| {'yes' if ratio < GOAL else 'NO'} |"
    )


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="pillarbox-bench-", dir="/tmp") as name:
        folder = Path(name)
        box = Box(folder / "box")
        maildir = box.state / "mail" / "people" / "anna@office.test"
        for directory in ("cur", "new", "tmp"):
            files.make_directories(maildir / directory, durable=False)
        add(maildir, 0, MESSAGES)
        (folder / "drive").mkdir()
        with box, imaplib.IMAP4("localhost", box.port(143)) as client:
            box.cli("backup", "target", "add", str(folder / "drive"))
            client.login("anna@office.test", box.password("anna"))
            client.select()
            fetches(client, lambda count: count >= 500)
            idle = fetches(client, lambda count: count >= IDLE_FETCHES)
            print(f"\nFETCH of one body of {MESSAGES:,}, by one client without pause:\n")
            print("| while | fetches | p50 | p99 | longest | p99 / idle | goal | reached |")
            print("|---|---|---|---|---|---|---|---|")
            print(row("idle", idle, idle), flush=True)
            for name in ("the first backup", "the next backup"):
                times, seconds = one_run(box, client)
                print(row(f"{name} ({seconds:.0f} s)", times, idle), flush=True)


if __name__ == "__main__":
    main()
