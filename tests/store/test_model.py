"""Random use against a simple model, with ends of every kind between."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from appliance.store.flags import DELETED
from appliance.threads import run_here

from .conftest import MESSAGE, Bench

NAMES = ("INBOX", "Sent", "A")
SOME = st.lists(st.integers(0, 7), max_size=4, unique=True)
FLAGS = st.integers(0, 31)
WORDS = st.lists(st.sampled_from([b"$Work", b"later", b"x"]), max_size=2, unique=True)


class StoreMachine(RuleBasedStateMachine):
    """The model: for each mailbox its messages by UID, each with flags and keyword names."""

    def __init__(self) -> None:
        super().__init__()
        self.path = Path(tempfile.mkdtemp())
        self.bench = Bench(self.path / "mail")
        run_here(self.bench.home.create("A"))
        self.model: dict[str, dict[int, tuple[int, frozenset[bytes]]]] = {
            name: {} for name in NAMES
        }
        self.last_uid = dict.fromkeys(NAMES, 0)
        self.modseq = dict.fromkeys(NAMES, 0)
        self.left = 0

    def teardown(self) -> None:
        self.bench.store.unlock()
        shutil.rmtree(self.path)

    def box(self, name: str):
        return self.bench.open(name)

    def chosen(self, name: str, places: list[int]) -> list[int]:
        uids = sorted(self.model[name])
        return [uids[place] for place in places if place < len(uids)]

    def came(self, name: str, uid: int, flags: int, words) -> None:
        assert uid > self.last_uid[name]
        self.last_uid[name] = uid
        self.model[name][uid] = (flags, frozenset(words))

    @rule(name=st.sampled_from(NAMES), flags=FLAGS, words=WORDS)
    def append(self, name, flags, words) -> None:
        uid = self.bench.append(self.box(name), flags=flags, keywords=words)
        self.came(name, uid, flags, words)

    @rule(name=st.sampled_from(NAMES), flags=st.sampled_from([0, 0, 4]))
    def deliver(self, name, flags) -> None:
        self.came(name, self.bench.deliver(self.box(name), flags=flags), flags, ())

    @rule(
        name=st.sampled_from(NAMES),
        places=SOME,
        add=FLAGS,
        remove=FLAGS,
        words=WORDS,
        without=WORDS,
    )
    def store(self, name, places, add, remove, words, without) -> None:
        uids = self.chosen(name, places)
        words = [word for word in words if word not in without]
        run_here(
            self.box(name).store_flags(
                uids, add=add, remove=remove & ~add, keywords_add=words, keywords_remove=without
            )
        )
        for uid in uids:
            flags, have = self.model[name][uid]
            self.model[name][uid] = (
                flags & ~(remove & ~add) | add,
                have - set(without) | set(words),
            )

    @rule(
        source=st.sampled_from(NAMES),
        into_name=st.sampled_from(NAMES),
        places=SOME,
        moving=st.booleans(),
    )
    def copy_or_move(self, source, into_name, places, moving) -> None:
        uids = self.chosen(source, places)
        box, into = self.box(source), self.box(into_name)
        pairs, _ = run_here(box.move(uids, into) if moving else box.copy(uids, into))
        assert [old for old, _ in pairs] == uids
        for old, new in pairs:
            self.came(into_name, new, *self.model[source][old])
        if moving:
            for uid in uids:
                del self.model[source][uid]

    @rule(name=st.sampled_from(NAMES))
    def expunge(self, name) -> None:
        gone, _ = run_here(self.box(name).expunge())
        marked = [uid for uid, (flags, _) in self.model[name].items() if flags & DELETED]
        assert gone == sorted(marked)
        for uid in marked:
            del self.model[name][uid]

    @rule(name=st.sampled_from(NAMES))
    def another_program_leaves_mail(self, name) -> None:
        self.left += 1
        folder = self.bench.folder("" if name == "INBOX" else f".{name}")
        (folder / "new" / f"17000000{self.left:02}.left.elsewhere").write_bytes(MESSAGE)
        box = self.box(name)
        run_here(box.look())  # within the same tick of the clock its time may tell nothing
        self.came(name, box.rows.uids[-1], 0, ())

    @precondition(lambda self: any(self.model.values()))
    @rule(name=st.sampled_from(NAMES), place=st.integers(0, 7))
    def another_program_removes_mail(self, name, place) -> None:
        for uid in self.chosen(name, [place]):
            run_here(self.box(name).settle())
            self.bench.path(uid, "" if name == "INBOX" else f".{name}").unlink()
            run_here(self.box(name).look())
            del self.model[name][uid]

    @rule(seconds=st.sampled_from([1, 4, 70]))
    def time_passes(self, seconds) -> None:
        for box in list(self.bench.home.boxes.values()):
            box.users = 0
        self.bench.tick(seconds)

    @rule(how=st.sampled_from(["restart", "kill", "power", "index"]))
    def ends_and_begins(self, how) -> None:
        if how == "restart":
            self.bench.restart()
        elif how == "index":
            self.bench.lose_index()
        else:
            self.bench.kill(power=how == "power")

    @rule()
    def renamed(self) -> None:
        run_here(self.bench.home.rename("A", "B/C"))
        run_here(self.bench.home.rename("B/C", "A"))

    @invariant()
    def all_is_as_the_model_says(self) -> None:
        for name, messages in self.model.items():
            box = self.box(name)
            rows = box.rows
            found = {
                uid: (
                    rows.flags[row],
                    frozenset(
                        word
                        for bit, word in enumerate(box.keywords)
                        if rows.keywords[row] >> bit & 1
                    ),
                )
                for row, uid in enumerate(rows.uids)
            }
            assert found == messages
            assert box.uidnext > self.last_uid[name]
            assert box.highest_modseq >= max([self.modseq[name], *rows.modseqs])
            self.modseq[name] = box.highest_modseq
            assert [self.bench.read(box, uid) for uid in messages] == [MESSAGE] * len(messages)
            assert box.octets == sum(rows.sizes)
            box.close()


StoreMachine.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
test_random_use_agrees_with_the_model = StoreMachine.TestCase
