"""`pillarbox index check` and `rebuild`: does what is on the mail disk agree with itself?

For the command line while the daemon is down (it holds the lock), or called by it for a mailbox
that nobody has open. Checking changes nothing; rebuilding removes the index, which is made again
from the names of the files when a mailbox is next opened.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from appliance import files
from appliance.store import log, names, snapshot
from appliance.store.disk import LOG_START, read_log
from appliance.store.folder import Folder
from appliance.store.history import History
from appliance.store.replay import Loaded, apply
from appliance.store.rows import Rows


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing worth telling; `is_fault` when mail programs could notice."""

    address: str
    mailbox: str
    text: str
    is_fault: bool


def addresses(mail: Path) -> list[str]:
    """Accounts that have mail."""
    try:
        return sorted(entry.name for entry in os.scandir(mail / "people") if entry.is_dir())
    except FileNotFoundError:
        return []


def folders(mail: Path, address: str) -> list[tuple[str, Path, Path]]:
    """Mailboxes of an account with their folder and index directories."""
    home, index = mail / "people" / address, mail / "index" / address
    found = [(names.INBOX, home, index / names.INBOX)]
    for entry in sorted(os.scandir(home), key=lambda entry: entry.name):
        name = names.mailbox_name(entry.name) if entry.name.startswith(".") else None
        if name is not None and entry.is_dir():
            found.append((name, Path(entry.path), index / entry.name))
    return found


def check(mail: Path, address: str | None = None) -> list[Finding]:
    """Look through the folders of one account, or of all."""
    found = []
    for one in addresses(mail) if address is None else [address]:
        if not (mail / "people" / one).is_dir():
            found.append(Finding(one, "", "This account has no mail here.", is_fault=False))
            continue
        for name, folder, index in folders(mail, one):
            for text, is_fault in _check_folder(folder, index):
                found.append(Finding(one, name, text, is_fault))
    return found


def rebuild(mail: Path, address: str | None = None) -> list[str]:
    """Remove the index of one account, or of all; whose it was."""
    chosen = addresses(mail) if address is None else [address]
    for one in chosen:
        files.remove_tree(mail / "index" / names.account_directory(one))
    return chosen


def _check_folder(folder: Path, index: Path) -> Iterator[tuple[str, bool]]:
    identity = Folder(folder)
    identity.load()
    if not identity.uidvalidity:
        yield "Never opened yet.", False
        return
    listed: dict[int, bytes] = {}
    without = 0
    for directory in ("new", "cur"):
        for file in _listing(folder / directory):
            base = file.partition(b":2,")[0]
            uid = names.read_base(base).uid
            if uid is None:
                without += 1
            elif uid in listed:
                yield f"Two files have the UID {uid}.", True
            else:
                listed[uid] = base
    if without:
        yield f"{without} messages of other programs have no UID yet.", False
    above = [uid for uid in listed if uid > identity.uid_ceiling]
    if above:
        yield f"{len(above)} messages have a UID that was never given out.", True
    yield from _check_index(identity, index, set(listed))


def _check_index(identity: Folder, index: Path, listed: set[int]) -> Iterator[tuple[str, bool]]:
    if not (index / "columns").exists():
        yield "There is no index; it is made when the mailbox is opened.", False
        return
    found = snapshot.read(index / "columns")
    if found is None:
        yield "The index is damaged; it is made again when the mailbox is opened.", False
        return
    told, rows, history = found
    if told.uidvalidity != identity.uidvalidity:
        yield "The index is of another mailbox; it is made again.", False
        return
    yield from _check_log(index, told, rows, history)
    gone, unknown = set(rows.uids) - listed, listed - set(rows.uids)
    if gone:
        yield f"{len(gone)} messages of the index are not there any more.", False
    if unknown:
        yield f"{len(unknown)} messages are not in the index yet.", False


def _check_log(
    index: Path, told: snapshot.Snapshot, rows: Rows, history: History
) -> Iterator[tuple[str, bool]]:
    """Apply the log to the rows, and tell of a torn end."""
    data = read_log(index / f"log-{told.generation}", told.generation)
    if data is None:
        return
    loaded = Loaded(rows, history, told.uidnext, told.highest_modseq, ())
    end = LOG_START
    for record, at in log.records(data, LOG_START):
        apply(loaded, record)
        end = at
    if len(data) > end:
        yield f"The last {len(data) - end} octets of the index log are torn.", False


def _listing(directory: Path) -> list[bytes]:
    try:
        return [file for file in os.listdir(os.fsencode(directory)) if file[:1] != b"."]
    except FileNotFoundError:
        return []
