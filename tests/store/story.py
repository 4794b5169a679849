"""A scripted story of everything a store does, and what may be true after it was cut short.

Every message carries a token. For each token the story keeps the set of states that may be found
on the disk: one state after an acknowledged act, several after one that failed or was cut off.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from appliance.errors import PillarboxError
from appliance.store.flags import DELETED, FLAGGED, SEEN
from appliance.store.mailbox import Mailbox
from appliance.threads import flushed, run_here

from .conftest import Bench

State = frozenset[str]


def message(token: str) -> bytes:
    return b"Subject: token-%b\r\n\r\nBody\r\n" % token.encode()


class Killed(BaseException):
    """The process is no more."""


class Story:
    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.may_forget = False
        """With the power may go: that mail was expunged, and flags of the last seconds."""
        self.past_flags: dict[str, set[int]] = {}
        self.where: dict[str, set[State]] = {}
        self.flags: dict[str, set[int]] = {}
        self.seen: dict[tuple[bytes, int, int], str] = {}
        self.highest: dict[bytes, int] = {}
        self.identity: dict[str, bytes] = {}
        self.expunged: set[str] = set()
        self.failed = 0

    # --- what happened

    def act(
        self,
        tokens: list[str],
        after: Callable[[State], State],
        run: Callable[[], object],
        *,
        between: Callable[[State], list[State]] = lambda _state: [],
    ) -> None:
        """Do something to messages. Until it is acknowledged, both states are possible."""
        before = {token: self.where.get(token, {frozenset()}) for token in tokens}
        done = {token: {after(state) for state in states} for token, states in before.items()}
        for token, states in before.items():
            partly = {one for state in states for one in between(state)}
            self.where[token] = states | done[token] | partly
        try:
            touched = run()
        except PillarboxError:
            self.failed += 1
        else:
            for token in tokens:
                known = not isinstance(touched, set) or token in touched
                self.where[token] = done[token] if known else before[token]
        self.note()

    def quiet(self, run: Callable[[], object]) -> None:
        """Do something that changes no message."""
        self.act([], lambda state: state, run)

    def note(self) -> None:
        """What sessions have been told by now must hold for ever."""
        for box in list(self.bench.home.boxes.values()):
            if not box.is_loaded or box.is_gone:
                continue
            box.absorb()
            self.identity[box.name] = box.mailbox_id
            self.highest[box.mailbox_id] = max(
                self.highest.get(box.mailbox_id, 0), box.highest_modseq
            )
            for uid, token in self.tokens(box).items():
                key = (box.mailbox_id, box.uidvalidity, uid)
                assert self.seen.setdefault(key, token) == token

    def tokens(self, box: Mailbox) -> dict[int, str]:
        found = {}
        for uid in list(box.rows.uids):
            try:
                text = self.bench.read(box, uid)
            except PillarboxError:  # gone, or the disk fails just now
                continue
            found[uid] = re.search(rb"token-(\w+)", text)[1].decode()
        return found

    # --- the acts

    def open(self, name: str) -> Mailbox:
        return self.bench.open(name)

    def find(self, box: Mailbox, *tokens: str) -> list[int]:
        return [uid for uid, token in self.tokens(box).items() if token in tokens]

    def append(self, name: str, token: str, **more) -> None:
        self.act(
            [token],
            lambda state: state | {name},
            lambda: self.bench.append(self.open(name), message(token), **more),
        )

    def deliver(self, token: str) -> None:
        def run() -> None:
            box = self.open("INBOX")
            self.bench.deliver(box, message(token), unique=f"Q{token}")
            run_here(flushed(box.directory_flush))

        self.act([token], lambda state: state | {"INBOX"}, run)

    def store(self, token: str, **change) -> None:
        before = self.flags.get(token, {0})
        add, remove = change.get("add", 0), change.get("remove", 0)
        after = {flags & ~remove | add for flags in before}
        self.flags[token] = before | after
        self.past_flags[token] = self.past_flags.get(token, {0}) | before | after

        def run() -> None:
            box = self.open("INBOX")
            uids = self.find(box, token)
            run_here(box.store_flags(uids, **change))
            if uids:
                self.flags[token] = after

        self.quiet(run)

    def copy(self, source: str, target: str, *tokens: str) -> None:
        def run() -> set[str]:
            box = self.open(source)
            pairs, _ = run_here(box.copy(self.find(box, *tokens), self.open(target)))
            return {self.tokens(box)[uid] for uid, _ in pairs}

        self.act(list(tokens), lambda state: state | {target} if source in state else state, run)

    def move(self, source: str, target: str, *tokens: str) -> None:
        def run() -> set[str]:
            box, into = self.open(source), self.open(target)
            pairs, _ = run_here(box.move(self.find(box, *tokens), into))
            return {self.tokens(into)[uid] for _, uid in pairs}

        self.act(
            list(tokens),
            lambda state: state - {source} | {target} if source in state else state,
            run,
        )

    def expunge(self, name: str, *tokens: str) -> None:
        def run() -> set[str]:
            box = self.open(name)
            known = self.tokens(box)
            uids = [uid for uid, token in known.items() if token in tokens]
            run_here(box.store_flags(uids, add=DELETED))
            return {known[uid] for uid in run_here(box.expunge(uids))[0]}

        before = {token: self.where.get(token, set()) for token in tokens}
        self.expunged.update(tokens)
        self.act(list(tokens), lambda state: state - {name}, run)
        if self.may_forget:
            for token in tokens:
                self.where[token] |= before[token]

    def rename(self, old: str, new: str) -> None:
        def after(state: State) -> State:
            return state - {old} | {new} if old in state else state

        self.act(list(self.where), after, lambda: run_here(self.bench.home.rename(old, new)))

    def delete(self, name: str) -> None:
        self.act(
            list(self.where),
            lambda state: state - {name},
            lambda: run_here(self.bench.home.delete(name)),
        )

    def leave(self, token: str) -> None:
        """Another program leaves a message in new/."""
        path = self.bench.folder() / "new" / f"1700000000.{token}.elsewhere"
        path.write_bytes(message(token))
        self.where[token] = {frozenset({"INBOX"})}

    # --- the story

    def tell(self) -> None:
        bench = self.bench
        self.append("INBOX", "a", keywords=[b"$Work"])
        self.deliver("b")
        self.quiet(lambda: self.open("INBOX").open_view(lambda: None, read_only=False))
        self.store("a", add=SEEN | FLAGGED)
        self.quiet(bench.tick)
        self.store("a", remove=SEEN)
        self.append("INBOX", "c")
        self.copy("INBOX", "Sent", "a", "b")
        self.move("INBOX", "Trash", "b")
        self.expunge("INBOX", "c")
        self.quiet(lambda: run_here(bench.home.create("New/Sub")))
        self.append("New/Sub", "d")
        self.rename("New/Sub", "Other")
        self.append("Junk", "e")
        self.delete("Junk")
        self.quiet(lambda: bench.tick(4))
        self.leave("f")
        self.quiet(bench.tick)
        self.quiet(lambda: run_here(bench.store.settle()))
        self.store("a", add=SEEN, remove=FLAGGED)
        self.append("INBOX", "g")
        self.expunge("INBOX", "f")
        self.deliver("h")
        for box in list(bench.home.boxes.values()):
            box.users = 0
            box._views.clear()
        self.quiet(lambda: bench.tick(100))
        self.append("INBOX", "i")

    # --- the end

    def check(self) -> None:
        """What is on the disk is one of the possible states, and no number was given twice."""
        bench = self.bench
        found: dict[str, set[str]] = {token: set() for token in self.where}
        for info in run_here(bench.home.list())[0]:
            if not info.selectable:
                continue
            box = bench.open(info.name)
            tokens = self.tokens(box)
            assert len(set(tokens.values())) == len(tokens), f"doubled in {info.name}: {tokens}"
            for token in tokens.values():
                found[token].add(info.name)
            self._check_numbers(box, tokens)
            if info.name == "INBOX":
                for uid, token in tokens.items():
                    flags = box.rows.flags[box.row_of(uid)] & ~DELETED
                    told = self.past_flags if self.may_forget else self.flags
                    assert flags in told.get(token, {0}), f"flags of {token}"
            self._check_next(box)
        for token, boxes in found.items():
            assert frozenset(boxes) in self.where[token], (
                f"{token}: {boxes} not in {self.where[token]}"
            )

    def _check_numbers(self, box: Mailbox, tokens: dict[int, str]) -> None:
        mine = {
            uid: token
            for (identity, validity, uid), token in self.seen.items()
            if (identity, validity) == (box.mailbox_id, box.uidvalidity)
        }
        validities = {one for identity, one, _ in self.seen if identity == box.mailbox_id}
        assert validities <= {box.uidvalidity}, f"{box.name}: {validities}, {box.uidvalidity}"
        if box.name in ("INBOX", "Sent"):
            assert self.identity.get(box.name, box.mailbox_id) == box.mailbox_id
        uid_of = {token: uid for uid, token in mine.items()}
        for uid, token in tokens.items():
            assert mine.get(uid, token) == token, f"UID {uid} was {mine[uid]}, is {token}"
            if not (self.may_forget and token in self.expunged):  # it may come back as new
                assert uid_of.get(token, uid) == uid, f"{token} was {uid_of[token]}, is {uid}"

    def _check_next(self, box: Mailbox) -> None:
        given = [
            uid
            for identity, validity, uid in self.seen
            if (identity, validity) == (box.mailbox_id, box.uidvalidity)
        ]
        assert box.highest_modseq >= self.highest.get(box.mailbox_id, 0)
        uid = self.bench.append(box, message("probe" + box.name.replace("/", "")))
        assert uid > max(given, default=0)
        assert box.highest_modseq > self.highest.get(box.mailbox_id, 0)
        run_here(box.store_flags([uid], add=DELETED))
        run_here(box.expunge([uid]))
