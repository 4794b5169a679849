"""Backups beside plain restic on the same data, alternating, in one run: ./build.sh bench backup.

Each round takes 20,000 messages (300 MB) to a new repository and then, with 200 new messages, once
more, with us and with plain restic (its own cache, default settings). Ours has the view, the copy of
the databases and the look for what to mend in it; the proof, which restic does not have, is shown
apart. The file cache is dropped before each run when that is allowed. Medians over the rounds.
"""

from __future__ import annotations

import base64
import multiprocessing
import os
import random
import resource
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from appliance import files
from appliance.accounts.database import AccountsDatabase
from appliance.accounts.registry import Registry
from appliance.backup import view
from appliance.backup.process import Progress, Watch
from appliance.copies.backupjob import open_job, target_of
from tests.bench import mailbox

MESSAGES, NEW, PEOPLE, ROUNDS = 20_000, 200, 10, 3
OCTETS = 15_000
GOAL = 1.3


def add(maildir: Path, first: int, count: int) -> int:
    """Messages as the store names them, made long with an attachment; their octets."""
    octets = 0
    for number in range(first, first + count):
        rng = random.Random(number)
        data = mailbox.message(number, rng)
        lack = max(0, OCTETS - len(data))
        data += base64.encodebytes(rng.randbytes(lack * 3 // 4)).replace(b"\n", b"\r\n")
        name = f"{1_700_000_000 + number}.A{number:x}.pillarbox,S={len(data)},U={number + 1}:2,S"
        (maildir / "cur" / name).write_bytes(data)
        octets += len(data)
    return octets


def office(folder: Path) -> Path:
    """STATE with people and their mail."""
    state = folder / "state"
    files.make_directories(state)
    with closing(AccountsDatabase(state)) as database:
        registry = Registry(database, time.time())
        registry.add_domain("office.test")
        octets = 0
        for person in range(PEOPLE):
            address = f"user{person}@office.test"
            registry.add_account(address, "correct horse")
            maildir = state / "mail" / "people" / address
            for directory in ("cur", "new", "tmp"):
                files.make_directories(maildir / directory, durable=False)
            each = MESSAGES // PEOPLE
            octets += add(maildir, person * each, each)
        open_job(state, database)
    files.make_directories(state / "mail" / "queue")
    print(f"{MESSAGES:,} messages, {octets / 1e6:.0f} MB, {PEOPLE} people\n", flush=True)
    return state


def forget_cache() -> None:
    os.sync()
    with suppress(OSError):
        Path("/proc/sys/vm/drop_caches").write_text("3\n")


def apart(work: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
    """Do it in a process of its own, whose children's memory and CPU time are told."""
    forget_cache()
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()

    def run() -> None:
        begun = time.monotonic()
        told = work(*arguments)
        told.setdefault("seconds", time.monotonic() - begun)
        used, mine = (
            resource.getrusage(resource.RUSAGE_CHILDREN),
            resource.getrusage(resource.RUSAGE_SELF),
        )
        told |= {
            "engine_mib": used.ru_maxrss / 1024,
            "own_mib": mine.ru_maxrss / 1024,
            "cpu": used.ru_utime + used.ru_stime + mine.ru_utime + mine.ru_stime,
        }
        theirs.send(told)

    process = context.Process(target=run)
    process.start()
    told: dict[str, Any] = ours.recv()
    process.join()
    return told


def with_us(state: Path, drive: Path) -> dict[str, Any]:
    steps: dict[str, float] = {}

    def note(progress: Progress) -> None:
        steps.setdefault(progress.step, time.monotonic())

    with closing(AccountsDatabase(state)) as database:
        job = open_job(state, database)
        if job.recognise(drive) is None:
            job.adopt(drive)
            job.engine(target_of(job, str(drive))).init()
        target = target_of(job, str(drive))
        begun = time.monotonic()
        outcome = job.run(target, view.freeze_stopped(state / "mail"), watch=Watch(progress=note))
        ended = time.monotonic()
    assert outcome.is_proven, outcome
    return {
        "seconds": steps["checking"] - begun,
        "proof": ended - steps["checking"],
        "compared": outcome.details["messages_compared"],
        "read": outcome.details["read_octets"],
    }


def with_restic(state: Path, repository: Path, folder: Path) -> dict[str, Any]:
    environment = os.environ | {
        "RESTIC_REPOSITORY": str(repository),
        "RESTIC_PASSWORD": "correct horse",
        "RESTIC_CACHE_DIR": str(folder / "restic-cache"),
    }
    if not repository.exists():
        subprocess.run(["restic", "init", "-q"], env=environment, check=True)
    begun = time.monotonic()
    subprocess.run(["restic", "backup", "-q", str(state)], env=environment, check=True)
    return {"seconds": time.monotonic() - begun}


def one_round(
    state: Path, folder: Path, number: int, found: dict[str, list[dict[str, Any]]]
) -> None:
    drive, repository = folder / f"drive{number}", folder / f"plain{number}"
    drive.mkdir()
    for name in ("first", "with 200 new"):
        if name != "first":
            add(state / "mail" / "people" / "user0@office.test", MESSAGES + number * NEW, NEW)
        sides = [
            ("ours", lambda: apart(with_us, state, drive)),
            ("restic", lambda: apart(with_restic, state, repository, folder)),
        ]
        for side, work in sides if number % 2 else reversed(sides):
            found.setdefault(f"{name} {side}", []).append(work())


def median(found: list[dict[str, Any]], key: str) -> float:
    return float(statistics.median(each[key] for each in found))


def show(found: dict[str, list[dict[str, Any]]]) -> None:
    print(
        "| run | ours | plain restic | ratio | goal | reached | proof, apart | restic's memory, ours / plain | our own |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for name in ("first", "with 200 new"):
        ours, plain = found[f"{name} ours"], found[f"{name} restic"]
        ratio = median(ours, "seconds") / median(plain, "seconds")
        print(
            f"| {name} | {median(ours, 'seconds'):.2f} s | {median(plain, 'seconds'):.2f} s "
            f"| {ratio:.2f} | {GOAL} | {'yes' if ratio <= GOAL else 'NO'} "
            f"| {median(ours, 'proof'):.2f} s ({ours[-1]['compared']:,} messages compared, "
            f"{ours[-1]['read'] / 1e6:.0f} MB read back) "
            f"| {median(ours, 'engine_mib'):.0f} / {median(plain, 'engine_mib'):.0f} MiB "
            f"| {median(ours, 'own_mib'):.0f} MiB |"
        )


def main() -> None:
    """Measure and print."""
    version = subprocess.run(["restic", "version"], capture_output=True, text=True, check=True)
    print(version.stdout.strip(), flush=True)
    with tempfile.TemporaryDirectory(prefix="pillarbox-bench-", dir="/tmp") as name:
        folder = Path(name)
        state = office(folder)
        found: dict[str, list[dict[str, Any]]] = {}
        for number in range(ROUNDS):
            one_round(state, folder, number, found)
        show(found)


if __name__ == "__main__":
    main()
