"""What a session is told, and when: sequence numbers hold still until `sync`."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.store.changes import FEED_AT_MOST
from appliance.store.flags import DELETED, FLAGGED, SEEN
from appliance.threads import run_here

from .conftest import Bench


def expunge(box, *uids: int, origin=None) -> None:
    run_here(box.store_flags(uids, add=DELETED, origin=origin))
    run_here(box.expunge(uids, origin=origin))


def view_of(box, *, read_only: bool = False):
    heard: list[int] = []
    view = box.open_view(lambda: heard.append(1), read_only=read_only)
    return view, heard


def test_new_mail_is_pending_and_told_by_sync(bench: Bench) -> None:
    box = bench.open()
    bench.append(box)
    view, heard = view_of(box)
    assert (view.count, view.pending()) == (1, False)
    bench.deliver(box)
    assert heard
    assert view.pending()
    assert (view.count, view.uid(2), view.sequence(2)) == (1, None, None)
    news = view.sync()
    assert (news.count, news.expunged, news.changed) == (2, (), ())
    assert (view.count, view.uid(2), view.sequence(2)) == (2, 2, 2)
    assert not view.pending()
    assert view.sync().count is None


def test_numbers_hold_still_until_the_session_may_be_told_of_an_expunge(bench: Bench) -> None:
    box = bench.open()
    for _ in range(5):
        bench.append(box)
    view, _ = view_of(box)
    assert view.row_is_position()
    expunge(box, 2, 4)
    assert not view.row_is_position()
    assert [view.uid(number) for number in range(1, 6)] == [1, 2, 3, 4, 5]
    assert view.sequence(5) == 5
    news = view.sync(expunge=False)
    assert (news.expunged, news.vanished, news.count) == ((), (), None)
    assert view.pending()
    news = view.sync()
    assert (news.expunged, news.vanished) == ((4, 2), (2, 4))
    assert [view.uid(number) for number in range(1, 5)] == [1, 3, 5, None]
    assert view.row_is_position()


def test_new_mail_may_be_told_while_expunges_wait(bench: Bench) -> None:
    box = bench.open()
    for _ in range(3):
        bench.append(box)
    view, _ = view_of(box)
    expunge(box, 1)
    bench.append(box)
    assert view.sync(expunge=False).count == 4
    assert [view.uid(number) for number in range(1, 5)] == [1, 2, 3, 4]
    news = view.sync()
    assert (news.expunged, news.count) == ((1,), None)
    assert view.count == 3


def test_a_message_that_came_and_went_unseen_is_never_told(bench: Bench) -> None:
    box = bench.open()
    bench.append(box)
    view, _ = view_of(box)
    expunge(box, bench.append(box))
    news = view.sync()
    assert (news.expunged, news.count, view.count) == ((), None, 1)
    assert view.row_is_position()


def test_flag_changes_are_told_to_others_and_not_to_who_made_them(bench: Bench) -> None:
    box = bench.open()
    bench.append(box)
    bench.append(box)
    mine, heard_mine = view_of(box)
    others, heard_others = view_of(box)
    heard_mine.clear()
    run_here(box.store_flags([1, 2], add=SEEN, origin=mine))
    assert heard_others
    assert not heard_mine
    assert mine.sync().changed == ()
    assert others.sync().changed == (1, 2)
    assert others.sync().changed == ()


def test_who_has_not_heard_of_another_change_yet_is_told_all(bench: Bench) -> None:
    box = bench.open()
    bench.append(box)
    mine, _ = view_of(box)
    run_here(box.store_flags([1], add=FLAGGED))
    run_here(box.store_flags([1], add=SEEN, origin=mine))
    assert mine.sync().changed == (1,)


def test_a_view_that_was_away_longer_than_the_feed_still_hears_of_every_change(
    bench: Bench,
) -> None:
    box = bench.open()
    for _ in range(20):
        bench.append(box)
    view, _ = view_of(box)
    run_here(box.store_flags([3], add=SEEN))
    for turn in range(FEED_AT_MOST + 10):
        run_here(box.store_flags([7], **{"add" if turn % 2 else "remove": SEEN}))
        run_here(box.store_flags([8], **{"remove" if turn % 2 else "add": SEEN}))
    assert view.sync().changed == (3, 7, 8)


def test_changes_of_messages_that_are_gone_are_not_told(bench: Bench) -> None:
    box = bench.open()
    for _ in range(3):
        bench.append(box)
    view, _ = view_of(box)
    run_here(box.store_flags([1, 2], add=SEEN))
    expunge(box, 2)
    assert view.sync(expunge=False).changed == (1,)


@pytest.mark.parametrize("read_only", [True, False])
def test_the_first_session_that_may_write_takes_the_recent_ones(
    bench: Bench, read_only: bool
) -> None:
    box = bench.open()
    bench.deliver(box)
    first, _ = view_of(box, read_only=read_only)
    assert first.recent == {1}
    second, _ = view_of(box)
    assert second.recent == ({1} if read_only else set())
    bench.deliver(box)
    assert (second.sync().recent, second.recent) == ((2, {1, 2}) if read_only else (1, {2}))


def test_mail_leaves_new_once_a_session_that_may_write_has_seen_it(bench: Bench) -> None:
    box = bench.open()
    bench.deliver(box)
    looking, _ = view_of(box, read_only=True)
    bench.tick()
    assert bench.files()[0].startswith("new/")
    looking.close()
    view_of(box)
    bench.tick()
    assert bench.files()[0].startswith("cur/")
    assert bench.files()[0].endswith(":2,")


def test_closing_a_view_ends_its_news(bench: Bench) -> None:
    box = bench.open()
    view, heard = view_of(box)
    view.close()
    heard.clear()
    bench.append(box)
    assert heard == []


class Client:
    """A mail program that believes what it is told; None for flags it has not asked for yet."""

    def __init__(self, view, box) -> None:
        self.view, self.box = view, box
        self.known = [(uid, self.flags(uid)) for uid in box.rows.uids]

    def flags(self, uid: int) -> int | None:
        row = self.box.row_of(uid)
        return None if row is None else self.box.rows.flags[row]

    def listen(self, *, expunge: bool) -> None:
        news = self.view.sync(expunge=expunge)
        for number in news.expunged:
            del self.known[number - 1]
        for number in range(len(self.known) + 1, (news.count or 0) + 1):
            self.known.append((self.view.uid(number), self.flags(self.view.uid(number))))
        for uid in news.changed:
            self.known[self.view.sequence(uid) - 1] = (uid, self.flags(uid))
        assert [uid for uid, _ in self.known] == self.view.uids()[: self.view.count].tolist()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1 << 30))
def test_following_the_news_leads_to_the_mailbox_as_it_is(tmp_path_factory, seed: int) -> None:
    """A client that obeys EXISTS, EXPUNGE and FETCH ends with what the mailbox holds."""
    bench = Bench(tmp_path_factory.mktemp("mail") / "mail")
    luck = random.Random(seed)
    box = bench.open()
    for _ in range(luck.randint(0, 4)):
        bench.append(box)
    client = Client(box.open_view(lambda: None, read_only=False), box)
    for _ in range(25):
        uids = box.rows.uids.tolist()
        chosen = luck.sample(uids, luck.randint(0, len(uids)))
        change = {luck.choice(["add", "remove"]): SEEN}
        acts = [
            lambda: bench.append(box),
            lambda: bench.deliver(box),
            lambda chosen=chosen, change=change: run_here(box.store_flags(chosen, **change)),
            lambda chosen=chosen: expunge(box, *chosen[:1]),
            lambda: client.listen(expunge=luck.random() < 0.6),
        ]
        luck.choice(acts)()
    client.listen(expunge=True)
    assert client.known == [(uid, client.flags(uid)) for uid in box.rows.uids]
    bench.store.unlock()
