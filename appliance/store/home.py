"""One account's mailboxes: listing, making, renaming, removing, opening; subscriptions and quota.

A mailbox that is open while it is renamed stays open under its new name; one that is removed tells
its sessions (`View.gone`). Both are done in that mailbox's lane, so nothing is under way in it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TypeAlias

from appliance.clock import Clock
from appliance.errors import AlreadyExists, NotFound, PillarboxError, Refused, StorageReadOnly
from appliance.store import names, quota
from appliance.store.disk import Disk, Place
from appliance.store.freezing import Freezing, Frozen
from appliance.store.home_files import HomeFiles
from appliance.store.mailbox import Mailbox
from appliance.store.quota import Figure, Usage
from appliance.store.runs import Runs
from appliance.store.tree import MailboxInfo, infos, parents, renamed_names
from appliance.threads import Lane, Shared, Steps, flushed, in_thread

Infos: TypeAlias = list[MailboxInfo]
Names: TypeAlias = list[str]
Boxes: TypeAlias = list[Mailbox]


class Home:
    """The mailboxes of one account. Belongs to the event loop."""

    def __init__(
        self, address: str, disk: HomeFiles, clock: Clock, runs: Runs, *, prefix: str = ""
    ) -> None:
        """`prefix`: a day gone by (`past.py`); nothing in it can be changed."""
        self.address = address
        self._prefix = prefix
        self.quota_octets = 0
        self.boxes: dict[str, Mailbox] = {}
        self._files = disk
        self._clock = clock
        self._runs = runs
        self._lane = Lane(address)
        self._is_ready = False
        self._making_ready = Shared(self._ensure)
        self._figures: dict[str, Figure] | None = None
        self._sum = Usage(0, 0)

    # --- listing

    def list(self) -> Steps[Infos]:
        """All mailboxes, INBOX first, and the parents that are none themselves."""
        yield from self._ready()
        found = yield from in_thread(self._files.list_special)
        subscribed = yield from in_thread(self._files.subscriptions)
        return infos(found, set(subscribed))

    def subscriptions(self) -> Steps[Names]:
        """Names subscribed to, also of mailboxes that are gone."""
        yield from self._ready()
        return sorted((yield from in_thread(self._files.subscriptions, self._lane)))

    def subscribe(self, name: str) -> Steps[None]:
        """RFC 9051 §6.3.7; the mailbox need not exist."""
        yield from self._ready()
        name = _checked(name)
        yield from in_thread(lambda: self._files.subscribe([name]), self._lane)

    def unsubscribe(self, name: str) -> Steps[None]:
        """RFC 9051 §6.3.8."""
        yield from self._ready()
        name = names.canonical(name)
        yield from in_thread(lambda: self._files.unsubscribe(name), self._lane)

    # --- making and removing

    def create(self, name: str, *, special_use: bytes = b"") -> Steps[None]:
        """RFC 9051 §6.3.4, with the parents that are missing."""
        yield from self._ready()
        name = _checked(name.removesuffix(names.SEPARATOR))
        if name == names.INBOX:
            raise AlreadyExists("This mailbox exists already.")
        _check_not_past(name)

        def make() -> None:
            if self._files.exists(name):
                raise AlreadyExists("This mailbox exists already.")
            for parent in parents(name):
                if parent != names.INBOX and not self._files.exists(parent):
                    self._files.create(parent)
            self._files.create(name, special_use)

        yield from in_thread(make, self._lane)

    def delete(self, name: str) -> Steps[None]:
        """RFC 9051 §6.3.5: the mailbox goes, mailboxes below it stay."""
        yield from self._ready()
        name = _checked(name)
        if name == names.INBOX:
            raise Refused("INBOX cannot be deleted.")
        all_names = yield from in_thread(self._files.mailboxes, self._lane)
        if name not in all_names:
            if any(one.startswith(name + names.SEPARATOR) for one in all_names):
                raise Refused("This is no mailbox, but there are mailboxes below it.")
            raise NotFound("There is no such mailbox.")
        box = self.boxes.get(name)
        yield from in_thread(lambda: self._files.remove(name), box.lane if box else self._lane)
        if box is not None:
            box.end()
            self.boxes.pop(name, None)
            yield from box.forget()
        self._forget_figure(name)

    def rename(self, old: str, new: str) -> Steps[None]:
        """RFC 9051 §6.3.6; mailboxes below follow. INBOX stays, its messages move."""
        yield from self._ready()
        old, new = _checked(old), _checked(new.removesuffix(names.SEPARATOR))
        all_names = yield from in_thread(self._files.mailboxes, self._lane)
        _check_not_past(new)
        if new == names.INBOX or new in all_names:
            raise AlreadyExists("There is a mailbox of that name already.")
        if old == names.INBOX:
            yield from self._rename_inbox(new)
            return
        renamed = renamed_names(old, new, all_names)
        yield from in_thread(partial(self._files.reserve, renamed))
        try:
            for parent in {*parents(new)} - {*all_names, names.INBOX}:
                with contextlib.suppress(AlreadyExists):  # somebody made it meanwhile
                    yield from in_thread(partial(self._files.create, parent), self._lane)
            moved = yield from self._rename_all(renamed)
        finally:
            self._files.release(renamed)
        yield from in_thread(lambda: self._files.resubscribe(moved), self._lane)

    def _rename_all(self, renamed: dict[str, str]) -> Steps[dict[str, str]]:
        """One after the other, each in its lane; what of them was moved, durably: all, or none.

        The names are reserved, so only the disk or another program can be in the way.
        """
        moved: dict[str, str] = {}
        try:
            for number, (before, after) in enumerate(renamed.items()):
                try:
                    yield from self._rename_one(before, after)
                except NotFound:
                    if number == 0:
                        raise
                    continue  # somebody removed it meanwhile
                moved[before] = after
            yield from in_thread(self._files.flush, self._lane)
        except (PillarboxError, OSError):
            for before, after in reversed(moved.items()):
                with contextlib.suppress(PillarboxError, OSError):
                    yield from self._rename_one(after, before)
            raise
        return moved

    def _rename_one(self, before: str, after: str) -> Steps[None]:
        """In the mailbox's lane, so that whoever opens it meanwhile waits for its new place."""
        box = self.boxes.get(before) or self.boxes.setdefault(before, self._box(before))
        place = self._place(after)
        try:
            yield from in_thread(partial(self._rename_open, box, before, after, place), box.lane)
        except (NotFound, AlreadyExists):  # somebody was quicker, and it is where he put it
            if self.boxes.get(before) is box and not box.users and not box.is_loaded:
                del self.boxes[before]
            raise
        except (PillarboxError, OSError):  # nobody knows where it is now
            self.boxes.pop(before, None)
            box.end(is_lost=True)
            raise
        self.boxes.pop(before, None)
        if (other := self.boxes.get(after)) is not None:  # asked for before it was there
            other.end()
        self.boxes[after] = box
        box.name = after
        if not box.users and not box.is_loaded:
            del self.boxes[after]
        if self._figures is not None and before in self._figures:
            self._figures[after] = self._figures.pop(before)

    def _rename_open(self, box: Mailbox, before: str, after: str, place: Place) -> None:
        with box.paths_change():
            self._files.rename(before, after)
            box.moved(place)

    def _rename_inbox(self, new: str) -> Steps[None]:
        """RFC 9051 §6.3.6: a special case."""
        yield from self.create(new)
        inbox = yield from self.open(names.INBOX)
        target = yield from self.open(new)
        try:
            yield from inbox.move(inbox.rows.uids.tolist(), target)
        finally:
            target.close()
            inbox.close()

    # --- opening

    def open(self, name: str) -> Steps[Mailbox]:
        """The mailbox, shared by all who have it open; each calls `close` once."""
        yield from self._ready()
        name = _checked(name)
        if self.quota_octets and self._figures is None:
            yield from self.usage()
        box = self.boxes.get(name)
        if box is None:
            box = self.boxes[name] = self._box(name)
        box.users += 1
        try:
            if box.is_loaded:
                with contextlib.suppress(StorageReadOnly):  # what is known can be read
                    yield from box.look_if_changed()
            else:
                yield from self._load(box)
        except BaseException as error:
            box.close()
            if not box.users and not box.is_loaded and self.boxes.get(box.name) is box:
                del self.boxes[box.name]
            if isinstance(error, FileNotFoundError | NotADirectoryError):
                raise NotFound("There is no such mailbox.") from error
            raise
        return box

    def _box(self, name: str) -> Mailbox:
        box = Mailbox(name, Disk(self._place(name)), self._clock, prefix=self._prefix)
        box.room = self._has_room
        return box

    def _load(self, box: Mailbox) -> Steps[None]:
        yield from box.load()
        box.check_usable()
        self._forget_figure(box.name)  # from now on the mailbox knows

    def _place(self, name: str) -> Place:
        return Place(
            self._files.folder_path(name),
            self._files.index_path(name),
            self._files.guard,
            self._files.new_uidvalidity,
            self._runs.number,
            self._runs.is_trusted,
            self._clock.wall,
            self._files.leaving,
        )

    # --- quota

    def usage(self) -> Steps[Usage]:
        """What the account keeps."""
        yield from self._ready()
        if self._figures is None:
            figures = yield from in_thread(self._count, self._lane)
            if self._figures is None:
                self._figures = figures
                self._sum = Usage(
                    sum(one.octets for one in figures.values()),
                    sum(one.messages for one in figures.values()),
                )
                for name, box in self.boxes.items():
                    if box.is_loaded:
                        self._forget_figure(name)
        return self.cached_usage() or Usage(0, 0)

    def cached_usage(self) -> Usage | None:
        """The same from memory; None when it was never asked for."""
        if self._figures is None:
            return None
        used = [box for box in self.boxes.values() if box.is_loaded]
        return Usage(
            self._sum.octets + sum(box.octets for box in used),
            self._sum.messages + sum(len(box.rows) for box in used),
        )

    def _has_room(self, octets: int, messages: int) -> bool:
        del messages
        used = self.cached_usage()
        return not self.quota_octets or used is None or used.octets + octets <= self.quota_octets

    def _count(self) -> dict[str, Figure]:
        all_names = [names.INBOX, *self._files.mailboxes()]
        return quota.load(
            self._files.index, [(name, self._files.folder_path(name)) for name in all_names]
        )

    def _forget_figure(self, name: str) -> None:
        if self._figures is not None and (one := self._figures.pop(name, None)) is not None:
            self._sum = Usage(self._sum.octets - one.octets, self._sum.messages - one.messages)

    def _keep_figure(self, box: Mailbox) -> None:
        if self._figures is not None and not box.is_gone:
            self._figures[box.name] = Figure(box.octets, len(box.rows), box.recorded_times())
            self._sum = Usage(self._sum.octets + box.octets, self._sum.messages + len(box.rows))

    # --- chores

    def tick(self) -> Steps[None]:
        """Chores of the mailboxes in memory; those nobody uses leave it."""
        used = [box for box in self.boxes.values() if box.is_loaded and not box.is_gone]
        changed = (yield from in_thread(lambda: _changed(used))) if used else []
        for box in list(self.boxes.values()):
            yield from box.tick(look=box in changed)
            if box.is_idle() and (yield from box.put_away()) and self.boxes.get(box.name) is box:
                del self.boxes[box.name]
                self._keep_figure(box)
                yield from box.forget()

    def settle(self) -> Steps[None]:
        """Everything of this account written and flushed."""
        for box in list(self.boxes.values()):
            yield from box.put_away()
        if self._figures is not None:
            figures = dict(self._figures)
            for box in self.boxes.values():
                if box.is_loaded and not box.is_gone:
                    figures[box.name] = Figure(box.octets, len(box.rows), box.recorded_times())
            yield from in_thread(lambda: quota.keep(self._files.index, figures), self._lane)

    def freeze(self, view: Path) -> Steps[Frozen]:
        """Make a frozen view of this account (`freezing.py`). Raises Refused, StorageFull ..."""
        yield from self._ready()
        for box in list(self.boxes.values()):
            if box.is_loaded and not box.is_gone:
                yield from box.settle()
        freezing = Freezing(self._files, view)
        try:
            yield from in_thread(freezing.begin)
            for lane in [self._lane, *(box.lane for box in self.boxes.values())]:
                yield from in_thread(_nothing, lane)  # whatever it is at ends; then it knows
            return Frozen(self.address, (yield from in_thread(freezing.link_all)))
        finally:
            freezing.end()

    def end(self) -> None:
        """The mail disk is gone: whoever has a mailbox open is told."""
        for box in self.boxes.values():
            box.end(is_lost=True)
        self.boxes.clear()
        self._figures = None
        self._is_ready = False

    def can_be_written(self) -> None:
        """The disk takes writing again: what was opened only to be read is opened anew."""
        for name, box in list(self.boxes.items()):
            if box.is_opened_to_read:
                box.end(is_lost=True)
                del self.boxes[name]

    def moved(self, disk: HomeFiles, runs: Runs) -> None:
        """After `end`: the account's mailboxes are there from now on."""
        self._files, self._runs = disk, runs

    def _ready(self) -> Steps[None]:
        if not self._files.guard.online:
            self._files.guard.check()
        if self._is_ready:
            return
        try:
            yield from flushed(self._making_ready)
        except StorageReadOnly:
            if not (yield from in_thread(self._files.is_there)):
                raise
        else:
            self._is_ready = True

    def _ensure(self) -> None:
        if not self._is_ready:
            self._files.ensure()


def _nothing() -> None:
    """A piece of work that shows that those before it are done."""


def _changed(boxes: Iterable[Mailbox]) -> Boxes:
    """Mailboxes where others may have been; the lane looks again before it lists."""
    found = []
    for box in boxes:
        try:
            if box.is_changed():
                found.append(box)
        except NotFound:
            found.append(box)
    return found


def _checked(name: str) -> str:
    name = names.canonical(name)
    names.directory_name(name)
    return name


def _check_not_past(name: str) -> None:
    """Days gone by have these names (`past.py`)."""
    if names.PAST.match(name):
        raise Refused("Mailboxes of this name are for backups.")
