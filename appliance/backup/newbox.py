"""Everything back: a whole box from a version onto new hardware, or its state from the old disk; or
only its mail, onto another disk, while the box runs without one (`rebuild_mail`).

Otherwise the daemon is down, or was never up. Accounts are put in place one by one, each by a
rename of a folder that is complete and durable; the state comes last and its database last of all,
so a box half restored has no accounts and says what to do. Doing it again goes on where it ended.
Mail that waited for other servers is held: the old box may have sent it after the version was made.

    MAIL/restoring.json    which version is being restored here
    MAIL/restore/          what restic is writing, never looked at by the store
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from appliance import files
from appliance.accounts.database import DATABASE, AccountsDatabase
from appliance.backup import card, contents, merge, pending, view
from appliance.backup.engine import Engine
from appliance.backup.history import RESTORED, History
from appliance.backup.pace import Pace, units
from appliance.backup.trouble import Kind, TargetTrouble
from appliance.backup.view import About
from appliance.clock import SystemClock
from appliance.errors import BadSettings, PillarboxError, Refused
from appliance.queue.envelope import State
from appliance.queue.journal import JOURNAL
from appliance.queue.queue import Queue
from appliance.store.folder import Folder
from appliance.store.guard import MARKER
from appliance.store.holding import HELD
from appliance.words import phrase

RESTORING = "restoring.json"
_PARTS = ("people", "queue")
_HELD = (
    "It waited here when the backup was made, and the old box may have sent it since. "
    "To send it: queue retry; otherwise: queue delete."
)


@dataclass(frozen=True, slots=True)
class Place:
    """The new box."""

    state: Path
    mail: Path

    @property
    def scratch(self) -> Path:
        """Where restic writes."""
        return self.mail / merge.SCRATCH


def restore_all(engine: Engine, version: str, place: Place) -> str:
    """Everything of a version onto a box that has nothing yet; a sentence for people.

    Raises:
        Refused: the box has accounts or mail already, or too little room.
        TargetTrouble: the version is damaged or of a newer format.
    """
    files.make_directories(place.mail)
    begun = _begun(place)
    check_new(place, allow_mail=begun == version)
    files.remove_tree(place.scratch)
    files.make_directory(place.scratch)
    about = contents.about(engine, version, place.scratch)
    _check_room(place, about)
    engine.restore(version, place.scratch, ["/state"])
    check_state(place.scratch / "state", engine.repository.name)
    _note_restored(place.scratch / "state")
    files.replace(place.mail / RESTORING, json.dumps({"version": version}).encode())
    _put_mail(engine, version, place, about)
    sentence = _sentence(about, place)
    _note_told(place.scratch / "state", sentence)
    put_state(place.scratch / "state", place.state)
    files.remove_tree(place.mail / card.FOLDER)  # of the new box, sealed with the key it had
    files.unlink_if_there(place.mail / RESTORING)
    files.flush_directory(place.mail)
    files.remove_tree(place.scratch)
    return sentence


def _sentence(about: About, place: Place) -> str:
    count = sum(about.messages.values())
    boxes = len(about.messages)
    sentence = (
        f"{about.host} is back as it was: "
        f"{boxes:,} {'mailbox' if boxes == 1 else 'mailboxes'} with "
        f"{count:,} {'message' if count == 1 else 'messages'}, all accounts, settings and keys."
    )
    return sentence + _of_the_held(place)


def _of_the_held(place: Place) -> str:
    entries = Queue(place.mail / "queue", SystemClock()).look()
    held = sum(any(one.state is State.HELD for one in entry.progress) for entry in entries)
    if not held:
        return ""
    which = "1 message" if held == 1 else f"{held:,} messages"
    return f" {which} for other servers may have been sent since: see queue list."


def rebuild_mail(engine: Engine, version: str, place: Place, identity: bytes) -> str:
    """The mail of a version into a folder of its own, which then is the mail of this very box; a
    sentence for people. Accounts and settings are not touched. Doing it again goes on, until
    `end_rebuilding` says that this is in use.

    Raises:
        Refused: there is too little room.
        TargetTrouble: the version is damaged or of a newer format.
    """
    if _begun(place) != version:  # of another try, which nobody wants any more
        files.remove_tree(place.mail)
        files.make_directories(place.mail)
        files.replace(place.mail / RESTORING, json.dumps({"version": version}).encode())
    files.remove_tree(place.scratch)
    files.make_directory(place.scratch)
    about = contents.about(engine, version, place.scratch)
    _check_room(place, about)
    _put_mail(engine, version, place, about)
    files.replace(place.mail / MARKER, identity + b"\n")
    files.remove_tree(place.scratch)
    files.flush_directory(place.mail)
    count = sum(about.messages.values())
    sentence = phrase("1 message is back.") if count == 1 else f"{count:,} messages are back."
    since = " What came after the backup was made is not among them."
    return sentence + since + _of_the_held(place)


def begun(mail: Path) -> str:
    """The version that is being brought back there, or that is there whole and not in use yet."""
    return _begun(Place(mail, mail))


def end_rebuilding(mail: Path) -> None:
    """It is in use."""
    if files.unlink_if_there(mail / RESTORING):
        files.flush_directory(mail)


def restore_state(engine: Engine, place: Place) -> str:
    """The state from the copy on the mail disk, whose mail is there; a sentence for people.

    Raises:
        Refused: the box has accounts already.
        TargetTrouble: there is no copy, or it is damaged.
    """
    check_new(place, allow_mail=True)
    versions = engine.versions()
    if not versions:
        raise TargetTrouble(Kind.NOT_THERE, engine.repository.name)
    with merge.scratch_on(place.mail) as scratch:
        engine.restore(versions[-1].identity, scratch, ["/state"])
        check_state(scratch / "state", engine.repository.name)
        _note_restored(scratch / "state")
        put_state(scratch / "state", place.state)
    return "Accounts, settings and keys are back as the mail disk kept them. Start the box now."


# --- what must be so before anything is changed


def check_new(place: Place, *, allow_mail: bool) -> None:
    """Raises Refused unless the box is new."""
    if (place.state / DATABASE).exists():
        with closing(AccountsDatabase(place.state)) as database:
            accounts = database.directory().accounts
        if accounts:
            raise Refused(
                "This box has accounts already; everything is restored onto a new box only. "
                "Restore the mail of single accounts instead (--account)."
            )
    if allow_mail:
        return
    for name in _PARTS:
        folder = place.mail / name
        if folder.is_dir() and _has_files(folder, but=JOURNAL):
            raise Refused(
                f"There is mail in {folder} already; everything is restored onto a new disk only."
            )


def check_state(state: Path, name: str) -> None:
    """Raises TargetTrouble unless a box can live with this state. With settings that cannot be used
    it can: it starts by those that worked last, which are there too."""
    if not (state / DATABASE).exists():
        raise TargetTrouble(Kind.DAMAGED, name, "there is no database in this version")
    try:
        with closing(AccountsDatabase(state)) as database:
            database.directory()
    except BadSettings:
        raise TargetTrouble(Kind.NEWER, name) from None
    except PillarboxError as error:
        raise TargetTrouble(Kind.DAMAGED, name, str(error)) from None


def _note_restored(state: Path) -> None:
    """The version was made while the old box ran; that it did not end is no crash of this one."""
    with closing(AccountsDatabase(state)) as database:
        History(database).note(RESTORED, str(int(SystemClock().wall())))


def _note_told(state: Path, sentence: str) -> None:
    """For whoever looks at the page once the box runs; nothing else in the version is under way."""
    with closing(AccountsDatabase(state)) as database:
        pending.end(History(database), "", {"outcome": "restored", "sentence": sentence})


def _check_room(place: Place, about: About) -> None:
    merge.need_room(place.mail, about.octets)


def _begun(place: Place) -> str:
    try:
        told = json.loads(files.read(place.mail / RESTORING))
        return str(told["version"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return ""


# --- putting it in place


def _put_mail(engine: Engine, version: str, place: Place, about: About) -> None:
    _put_people(engine, version, place, about)
    _put_queue(engine, version, place)
    _put_held(engine, version, place)


def _put_people(engine: Engine, version: str, place: Place, about: About) -> None:
    people = place.mail / "people"
    files.make_directories(people)
    missing = {
        account: count
        for account, count in about.messages.items()
        if not ((people / account).is_dir() and _has_files(people / account))  # an earlier try's
    }
    octets_each = about.octets // max(1, sum(about.messages.values()))
    pieces = {account: units(count, count * octets_each) for account, count in missing.items()}
    pace = Pace(engine.watch, sum(pieces.values()))
    for account, count in missing.items():
        with pace.filling(place.scratch / "people", f"restoring {account}", pieces[account]):
            fetched = _fetch(engine, version, place, f"people/{account}")
        found = sum(1 for _ in view.messages_of(fetched))
        if found != count:
            details = f"{account} has {found} messages and not {count}"
            raise TargetTrouble(Kind.DAMAGED, engine.repository.name, details)
        _leap(fetched)
        files.remove_tree(people / account)
        files.rename(fetched, people / account)
        files.flush_directory(people)


def _leap(account: Path) -> None:
    """Mail that came later has numbers that the version does not know, and mail programs do."""
    inside = [entry.path for entry in os.scandir(account) if entry.name.startswith(".")]
    for path in (account, *map(Path, inside)):
        if path.is_dir():
            folder = Folder(path)
            folder.load()
            folder.leap()


def _put_queue(engine: Engine, version: str, place: Place) -> None:
    queue = place.mail / "queue"
    if queue.is_dir() and _has_files(queue, but=JOURNAL):
        return
    fetched = _fetch(engine, version, place, "queue")
    if fetched.is_dir():
        Queue(fetched, SystemClock()).hold_outside(_HELD)
        files.remove_tree(queue)
        files.rename(fetched, queue)
        files.flush_directory(place.mail)


def _put_held(engine: Engine, version: str, place: Place) -> None:
    """What was deleted under hold; most versions have none."""
    held = place.mail / HELD
    if held.is_dir() and _has_files(held):
        return
    fetched = _fetch(engine, version, place, HELD)
    if fetched.is_dir():
        files.remove_tree(held)
        files.rename(fetched, held)
        files.flush_directory(place.mail)


def _fetch(engine: Engine, version: str, place: Place, path: str) -> Path:
    fetched = place.scratch / path
    files.remove_tree(fetched)
    engine.restore(version, place.scratch, [f"/{path}"])
    if fetched.is_dir():
        files.flush_everything()
    return fetched


def put_state(source: Path, state: Path) -> None:
    """Every file durable in STATE, the database last: with it the box has its accounts."""
    files.make_directories(state)
    paths = sorted(_walk(source), key=lambda path: path.name == DATABASE)
    for path in paths:
        inside = path.relative_to(source)
        if view.is_of_this_machine(inside.parts[0]):  # this machine's own mail disk stays
            continue
        files.make_directories((state / inside).parent)
        if path.name.endswith(".db"):
            for rest in ("-wal", "-shm"):
                files.unlink_if_there(state / f"{inside}{rest}")
        _copy(path, state / inside)


def _copy(source: Path, target: Path) -> None:
    beside = target.with_name(f".{target.name}.new")
    files.unlink_if_there(beside)
    files.copy_file(source, beside)
    files.rename(beside, target)
    files.flush_directory(target.parent)


def _walk(folder: Path) -> Iterator[Path]:
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path))
        elif entry.is_file(follow_symlinks=False) and not entry.name.endswith(("-wal", "-shm")):
            yield Path(entry.path)


def _has_files(folder: Path, but: str = "") -> bool:
    """`but`: a new box that ran has the journal of an empty queue."""
    return any(path.name != but for path in _walk(folder))
