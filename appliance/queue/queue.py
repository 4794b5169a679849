"""The queue: what was accepted and is not yet with everybody.

Accepting is: the message is durable in the spool, its record is durable in the journal, then 250.
Whatever happens afterwards to a recipient is one more record. At the start the journal is read,
checked against the files and written anew. An entry goes away only when what was done for its
recipients is durable: first the file, then the record; so a live record without a file means
"everybody has it, only the last record was lost".
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from appliance import files
from appliance.clock import Clock
from appliance.errors import NotFound, Temporary
from appliance.queue.envelope import Entry, Envelope, Progress, State, from_json, to_json
from appliance.queue.journal import JOURNAL, Journal, Record, line_of
from appliance.queue.spool import Incoming, Spool
from appliance.store.runs import boot_id
from appliance.threads import Steps, in_thread

log = logging.getLogger("pillarbox.queue")


class Queue:
    """All entries, in memory and on disk. Belongs to the event loop."""

    def __init__(self, directory: Path, clock: Clock, *, boot: str = "") -> None:
        """`boot` tells whether the power went since (default: the system's)."""
        self._boot = boot or boot_id()
        self._clock = clock
        self.spool = Spool(directory)
        self._journal = Journal(directory / JOURNAL, self._snapshot)
        self._entries: dict[str, Entry] = {}
        self._sources: set[str] = set()
        self.on_accepted: Callable[[Entry], None] = lambda _entry: None
        self.before_accepting: Callable[[Envelope], Envelope] = lambda envelope: envelope
        self.is_started = False

    def start(self) -> None:
        """Read what is there, unless that is done: who comes second must not take away the files
        that the first has in reserve for messages to come. Blocks.

        Raises:
            StorageOffline, StorageFull: the disk does not allow it.
        """
        if self.is_started:
            return
        self._entries, self._sources, boot = _replayed(self._journal.read())
        there = self.spool.identities()
        for identity in list(self._entries):
            if identity not in there:
                log.info("was delivered before the restart", extra={"queue_id": identity})
                del self._entries[identity]
        self.spool.start(set(self._entries))
        self._settle_placed(same=boot == self._boot)
        self._journal.rewrite()
        self.is_started = True

    def _settle_placed(self, *, same: bool) -> None:
        """What was placed is safe if nothing but we ended; after a power cut it is done again."""
        placed = [
            (entry, number)
            for entry in self._entries.values()
            for number, progress in enumerate(entry.progress)
            if progress.state is State.PLACED
        ]
        if placed and same:
            files.flush_everything()
        for entry, number in placed:
            state = State.DELIVERED if same else State.PENDING
            entry.progress[number] = replace(entry.progress[number], state=state)

    def look(self) -> list[Entry]:
        """All entries as they are on the disk, oldest first, without starting. Blocks."""
        found, _, _ = _replayed(self._journal.read())
        return sorted(found.values(), key=lambda entry: entry.id)

    def stop(self) -> None:
        """Write what waits and let go. Blocks."""
        if self.is_started:
            self.is_started = False
            with contextlib.suppress(Temporary):
                self._journal.close()
            with contextlib.suppress(Temporary):
                self.spool.stop()

    def abandon(self) -> None:
        """The disk is gone: forget everything, so that `start` can begin anew from a disk."""
        self.is_started = False
        self._entries, self._sources = {}, set()
        self.spool.abandon()
        self._journal.abandon()

    def move_to(self, directory: Path) -> None:
        """After `abandon`: from the next start on the queue is there."""
        self.spool.directory = directory
        self._journal = Journal(directory / JOURNAL, self._snapshot)

    # --- accepting

    def incoming(self) -> Steps[Incoming]:
        """A place for a message that begins to come."""
        return self.spool.incoming()

    def accept(self, incoming: Incoming, envelope: Envelope) -> Steps[str]:
        """Take responsibility for a message; its queue id. Durable on return.

        Raises:
            StorageFull, StorageOffline: nothing was accepted; the message is gone.
        """
        envelope = self.before_accepting(envelope)
        entry = Entry(incoming.id, envelope, [Progress() for _ in envelope.recipients])
        yield from self._or_discarded(incoming, incoming.finish())
        incoming.check()  # a record of a file that is elsewhere would mean "everybody has it"
        self._entries[entry.id] = entry
        self._journal.add(_accepted(entry))
        try:
            yield from self._journal.durable()
            incoming.check()  # its record was forgotten with the disk that went away meanwhile
        except Exception:
            self._entries.pop(entry.id, None)  # the disk may have gone meanwhile, and all with it
            self._journal.add({"t": "undone", "id": entry.id})
            if not envelope.source:  # its record may be there, and without its file it would mean
                with contextlib.suppress(OSError, Temporary):  # that everybody has it
                    yield from incoming.discard()
            raise
        if envelope.source:
            self._sources.add(envelope.source)
        self.on_accepted(entry)
        return entry.id

    @staticmethod
    def _or_discarded(incoming: Incoming, steps: Steps[None]) -> Steps[None]:
        try:
            yield from steps
        except Exception:
            with contextlib.suppress(OSError, Temporary):
                yield from incoming.discard()
            raise

    # --- what was collected elsewhere, each exactly once

    @property
    def sources(self) -> frozenset[str]:
        """Sources of accepted messages that nobody has written down elsewhere yet."""
        return frozenset(self._sources)

    def forget_sources(self, sources: Iterable[str]) -> Steps[None]:
        """They are written down durably elsewhere; durable on return."""
        self._sources.difference_update(sources)
        self._journal.add({"t": "forget", "sources": list(sources)})
        yield from self._journal.durable()

    # --- what becomes of it

    def note(self, entry: Entry, number: int, progress: Progress) -> None:
        """Write down what happened for recipient `number`; written soon, not flushed."""
        entry.progress[number] = progress
        if entry in self:
            self._journal.add(_progress(entry.id, number, progress))

    def written(self) -> Steps[None]:
        """Wait until all notes survive the end of this process."""
        return self._journal.written()

    def durable(self) -> Steps[None]:
        """Wait until all notes survive a power cut."""
        return self._journal.durable()

    def finish(self, entries: list[Entry]) -> Steps[None]:
        """Entries are over and all that was done for them is durable: let them go."""
        identities = [entry.id for entry in entries]
        yield from self.spool.remove(identities)
        for identity in identities:
            if self._entries.pop(identity, None) is not None:
                self._journal.add({"t": "gone", "id": identity})

    # --- for the owner

    def entries(self) -> list[Entry]:
        """All entries, oldest first."""
        return sorted(self._entries.values(), key=lambda entry: entry.id)

    def __contains__(self, entry: Entry) -> bool:
        return self._entries.get(entry.id) is entry

    def find(self, identity: str) -> Entry | None:
        """One entry, if it is there."""
        return self._entries.get(identity)

    def entry(self, identity: str) -> Entry:
        """One entry. Raises NotFound."""
        try:
            return self._entries[identity]
        except KeyError:
            raise NotFound(f"There is no message {identity} in the queue.") from None

    def retry(self, entry: Entry) -> None:
        """Have everything of an entry that waits tried as soon as possible."""
        for number, progress in enumerate(entry.progress):
            if not progress.state.is_over:
                again = Progress(
                    State.PENDING, progress.attempts, 0.0, progress.reason, progress.warned
                )
                self.note(entry, number, again)

    def hold(self, entry: Entry, reason: str) -> None:
        """Have everything of an entry that waits held until it is tried again on request."""
        for number, progress in enumerate(entry.progress):
            if not progress.state.is_over:
                self.note(entry, number, _held(progress, reason))

    def hold_outside(self, reason: str) -> int:
        """In a queue that nobody has started: hold what waits for other servers; how many messages.

        Durable on return. Blocks.

        Raises:
            StorageFull, StorageOffline: nothing has changed.
        """
        self._entries, self._sources, self._boot = _replayed(self._journal.read())
        held = set()
        for entry in self._entries.values():
            for number, recipient in enumerate(entry.envelope.recipients):
                progress = entry.progress[number]
                if not recipient.is_local and not progress.state.is_over:
                    entry.progress[number] = _held(progress, reason)
                    held.add(entry.id)
        if held:
            self._journal.rewrite()
        self.abandon()
        return len(held)

    def freeze(self, view: Path) -> Steps[int]:
        """A frozen view of what waits: hard links and a journal of its own; how many messages.

        What is delivered meanwhile may be missing, so mailboxes are frozen after the queue. Not
        flushed. Raises StorageFull, StorageOffline.
        """
        records = [each for each in self._snapshot() if each["t"] != "boot"]  # another power-on
        return (yield from in_thread(lambda: self._freeze(records, view)))

    def _freeze(self, records: list[Record], view: Path) -> int:
        files.make_directories(view, durable=False)
        there = set()
        for identity in {each["id"] for each in records if each["t"] == "accepted"}:
            with contextlib.suppress(FileNotFoundError):
                files.link(self.spool.path(identity), view / f"{identity}.eml")
                there.add(identity)
        kept = [each for each in records if "id" not in each or each["id"] in there]
        files.write_plainly(view / JOURNAL, b"".join(map(line_of, kept)))
        return len(there)

    def _snapshot(self) -> Iterator[Record]:
        yield {"t": "boot", "id": self._boot}
        for each in list(self._sources):
            yield {"t": "source", "source": each}
        for entry in list(self._entries.values()):
            yield _accepted(entry)
            for number, progress in enumerate(entry.progress):
                if progress != Progress():
                    yield _progress(entry.id, number, progress)


def _held(progress: Progress, reason: str) -> Progress:
    return Progress(State.HELD, progress.attempts, 0.0, reason, progress.warned)


def _accepted(entry: Entry) -> Record:
    return {"t": "accepted", "id": entry.id, "envelope": to_json(entry.envelope)}


def _progress(identity: str, number: int, progress: Progress) -> Record:
    return {
        "t": "progress",
        "id": identity,
        "n": number,
        "state": progress.state.value,
        "attempts": progress.attempts,
        "next": progress.next_try,
        "reason": progress.reason,
        "warned": progress.warned,
    }


def _replayed(records: Iterable[Record]) -> tuple[dict[str, Entry], set[str], str]:
    """The entries and sources that a journal's records lead to, and the run of the system in which
    it was written; nonsense is passed over."""
    entries: dict[str, Entry] = {}
    sources: set[str] = set()
    boot = ""
    for record in records:
        try:
            if record["t"] == "boot":
                boot = str(record["id"])
            _replay(record, str(record.get("id", "")), entries, sources)
        except (KeyError, ValueError, TypeError, IndexError):
            log.exception("a record of the queue's journal makes no sense")
    return entries, sources, boot


def _replay(record: Record, identity: str, entries: dict[str, Entry], sources: set[str]) -> None:
    match record["t"]:
        case "accepted":
            envelope = from_json(record["envelope"])
            progress = [Progress() for _ in envelope.recipients]
            entries[identity] = Entry(identity, envelope, progress)
            if envelope.source:
                sources.add(envelope.source)
        case "undone" if identity in entries:
            sources.discard(entries.pop(identity).envelope.source)
        case "gone":
            entries.pop(identity, None)
        case "source":
            sources.add(str(record["source"]))
        case "forget":
            sources.difference_update(record["sources"])
        case "progress" if identity in entries:
            entries[identity].progress[record["n"]] = Progress(
                State(record["state"]),
                int(record["attempts"]),
                float(record["next"]),
                str(record["reason"]),
                bool(record["warned"]),
            )
