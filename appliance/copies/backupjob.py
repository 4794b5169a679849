"""The backups of a box as command line and daemon open them: of which state, to where, and how mail
that flows is frozen for a version.
"""

from __future__ import annotations

import asyncio
import hashlib
import socket
from pathlib import Path

from appliance import lastgood
from appliance.accounts.database import AccountsDatabase
from appliance.backup.history import History, Target
from appliance.backup.job import Job
from appliance.backup.view import Box, Freeze
from appliance.clock import Clock, SystemClock
from appliance.drives import mailplace
from appliance.errors import NotFound
from appliance.queue.queue import Queue
from appliance.store.store import Store
from appliance.threads import Threads


def open_job(state: Path, database: AccountsDatabase, clock: Clock | None = None) -> Job:
    """The backups of the box in STATE. Blocks."""
    tree = lastgood.load(state).tree
    mail = mailplace.mail_folder(state, tree)
    host = tree.server.host_name or socket.gethostname()
    identity = hashlib.sha256(b"box" + database.secret("box")).hexdigest()[:16]
    return Job(Box(state, mail, host, identity), History(database), clock or SystemClock())


def target_of(job: Job, named: str) -> Target:
    """The target of a run: one that is known, a folder that is one, or the one to choose. Blocks.

    Raises:
        NotFound: a new drive or folder, which must be added first.
    """
    if not named:
        return job.choose()
    try:
        known = job.history.target(named)
    except NotFound:
        root = Path(named).absolute()
        found = job.recognise(root) if root.is_dir() else None
        if found is None:
            raise NotFound(
                f"{named} is new to this box; add it first: backup target add {named}"
            ) from None
        return found
    return known


def freezer(
    queue: Queue, store: Store, threads: Threads, loop: asyncio.AbstractEventLoop
) -> Freeze:
    """What freezes mail that flows, for a thread. The queue goes first: what is delivered
    meanwhile is then in both, and otherwise could be in neither."""

    async def freeze(view: Path) -> None:
        await threads.carry_out(queue.freeze(view / "queue"))
        await threads.carry_out(store.freeze(view / "people"))

    return lambda view: asyncio.run_coroutine_threadsafe(freeze(view), loop).result()
