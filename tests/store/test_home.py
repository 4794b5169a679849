"""The mailboxes of an account."""

import pytest

from appliance.errors import AlreadyExists, NotFound, Refused
from appliance.store.flags import SEEN
from appliance.store.home_files import HomeFiles
from appliance.threads import run_here

from .conftest import ADDRESS, MESSAGE, Bench


def listed(bench: Bench) -> list[str]:
    return [info.name for info in run_here(bench.home.list())[0]]


def do(steps):
    return run_here(steps)[0]


def test_a_new_account_has_the_usual_mailboxes_subscribed_with_their_uses(bench: Bench) -> None:
    infos = do(bench.home.list())
    assert [info.name for info in infos] == ["INBOX", "Archive", "Drafts", "Junk", "Sent", "Trash"]
    assert all(info.selectable and info.subscribed and not info.has_children for info in infos)
    assert {info.name: info.special_use for info in infos} == {
        "INBOX": b"",
        "Archive": b"\\Archive",
        "Drafts": b"\\Drafts",
        "Junk": b"\\Junk",
        "Sent": b"\\Sent",
        "Trash": b"\\Trash",
    }


def test_a_usual_mailbox_that_was_deleted_does_not_come_back(bench: Bench) -> None:
    do(bench.home.delete("Archive"))
    bench.restart()
    assert "Archive" not in listed(bench)
    assert "Archive" in do(bench.home.subscriptions())


def test_the_folders_of_another_server_are_taken_over(bench: Bench) -> None:
    home = bench.folder()
    for folder in (home, home / ".Sent", home / ".Old.2020"):
        for name in ("cur", "new", "tmp"):
            (folder / name).mkdir(parents=True)
    (home / "subscriptions").write_text("Old.2020\n")
    (home / ".Sent" / "cur" / "1700000000.M1P2.elsewhere,S=24,W=24:2,S").write_bytes(
        b"Subject: x\r\n\r\nline\r\nmore"
    )
    assert "Old/2020" in listed(bench)
    assert [info.subscribed for info in do(bench.home.list()) if info.name == "Old/2020"] == [True]
    sent = bench.open("Sent")
    assert (sent.rows.uids.tolist(), sent.rows.flags[0]) == ([1], SEEN)
    assert bench.files(".Sent") == ["cur/1700000000.M1P2.elsewhere,S=24,U=1:2,S"]


def test_create_makes_missing_parents_and_says_what_for(bench: Bench) -> None:
    do(bench.home.create("A/B/C", special_use=b"\\Important"))
    infos = {info.name: info for info in do(bench.home.list())}
    assert infos["A"].selectable
    assert infos["A"].has_children
    assert infos["A/B/C"].special_use == b"\\Important"
    assert not infos["A"].subscribed
    assert (bench.folder(".A.B.C") / "maildirfolder").exists()
    bench.restart()
    assert {info.name: info for info in do(bench.home.list())} == infos


@pytest.mark.parametrize("name", ["inbox", "Sent", "Sent/"])
def test_what_exists_is_not_created_again(bench: Bench, name: str) -> None:
    with pytest.raises(AlreadyExists):
        do(bench.home.create(name))


@pytest.mark.parametrize("name", ["", "a//b", "x" * 300, "a\x01"])
def test_a_bad_name_is_refused_everywhere(bench: Bench, name: str) -> None:
    for act in (bench.home.create, bench.home.delete, bench.home.open, bench.home.subscribe):
        with pytest.raises(Refused):
            do(act(name))


def test_dots_and_other_scripts_are_kept_in_names(bench: Bench) -> None:
    for name in ("Vers. 1.0", "日本語/台北", "R&D", "-Ω-"):
        do(bench.home.create(name))
        assert name in listed(bench)
        bench.append(bench.open(name))
        assert bench.open(name).rows.uids.tolist() == [1]


def test_a_parent_that_is_no_mailbox_is_listed_but_not_selectable(bench: Bench) -> None:
    do(bench.home.create("A/B"))
    do(bench.home.delete("A"))
    infos = {info.name: info for info in do(bench.home.list())}
    assert (infos["A"].selectable, infos["A"].has_children, infos["A/B"].selectable) == (
        False,
        True,
        True,
    )
    with pytest.raises(NotFound):
        bench.open("A")
    with pytest.raises(Refused):
        do(bench.home.delete("A"))


def test_deleting_tells_sessions_and_the_name_made_anew_has_a_larger_uidvalidity(
    bench: Bench,
) -> None:
    do(bench.home.create("A"))
    box = bench.open("A")
    bench.append(box)
    before, identity = box.uidvalidity, box.mailbox_id
    heard = []
    view = box.open_view(lambda: heard.append(1), read_only=False)
    do(bench.home.delete("A"))
    assert view.gone
    assert heard
    with pytest.raises(NotFound):
        bench.append(box)
    with pytest.raises(NotFound):
        bench.open("A")
    do(bench.home.create("A"))
    again = bench.open("A")
    assert again.uidvalidity > before
    assert again.mailbox_id != identity
    assert len(again.rows) == 0
    assert list((bench.folder() / "tmp").iterdir()) == []


def test_a_uidvalidity_is_never_given_again_even_when_the_clock_jumps_back(bench: Bench) -> None:
    given = []
    for _ in range(3):
        do(bench.home.create("A"))
        given.append(bench.open("A").uidvalidity)
        do(bench.home.delete("A"))
        bench.clock.jump(1000.0)
    assert given == sorted(set(given))


def test_inbox_can_not_be_deleted(bench: Bench) -> None:
    with pytest.raises(Refused):
        do(bench.home.delete("INBOX"))
    with pytest.raises(NotFound):
        do(bench.home.delete("Nothing"))


def test_rename_takes_children_along_and_keeps_identity_and_uids(bench: Bench) -> None:
    do(bench.home.create("A/B"))
    box = bench.open("A/B")
    bench.append(box)
    bench.append(box)
    view = box.open_view(lambda: None, read_only=False)
    identity = box.uidvalidity, box.mailbox_id, box.rows.uids.tolist(), box.highest_modseq
    do(bench.home.subscribe("A/B"))
    do(bench.home.rename("A", "X/Y"))
    assert {"X", "X/Y", "X/Y/B"} <= set(listed(bench))
    assert not {"A", "A/B"} & set(listed(bench))
    assert box.name == "X/Y/B"
    assert not view.gone
    assert bench.read(box, 1) == MESSAGE
    assert bench.open("X/Y/B") is box
    assert "X/Y/B" in do(bench.home.subscriptions())
    bench.append(box)
    bench.restart()
    again = bench.open("X/Y/B")
    assert (again.uidvalidity, again.mailbox_id, again.rows.uids.tolist()[:2]) == identity[:3]
    with pytest.raises(NotFound):
        bench.open("A/B")


def test_renames_that_cannot_be_are_refused(bench: Bench) -> None:
    do(bench.home.create("A/B"))
    with pytest.raises(AlreadyExists):
        do(bench.home.rename("A", "Sent"))
    with pytest.raises(AlreadyExists):
        do(bench.home.rename("A", "inbox"))
    with pytest.raises(Refused):
        do(bench.home.rename("A", "A/B/C"))
    with pytest.raises(NotFound):
        do(bench.home.rename("Nothing", "C"))
    with pytest.raises(Refused):
        do(bench.home.rename("A", "x" * 249))
    assert {"A", "A/B"} <= set(listed(bench))


def tree(bench: Bench) -> dict[str, int]:
    """The mailboxes A and B and those below, and how many messages each has."""
    found = [one.name for one in do(bench.home.list()) if one.selectable]
    return {name: len(bench.open(name).rows) for name in found if name.split("/")[0] in {"A", "B"}}


def full_tree(bench: Bench) -> dict[str, int]:
    for count, name in enumerate(("A", "A/B", "A/B/C", "A/D"), 1):
        do(bench.home.create(name))
        for _ in range(count):
            bench.append(bench.open(name))
    return tree(bench)


@pytest.mark.parametrize("upwards", [False, True])
def test_a_tree_moves_up_over_its_own_names_in_whatever_order_it_is_listed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, *, upwards: bool
) -> None:
    do(bench.home.create("A/A/A/W"))
    do(bench.home.create("A/A/W"))
    do(bench.home.delete("A"))
    for name, count in (("A/A/A/W", 2), ("A/A/W", 1)):
        for _ in range(count):
            bench.append(bench.open(name))
    mailboxes = HomeFiles.mailboxes
    monkeypatch.setattr(HomeFiles, "mailboxes", lambda one: sorted(mailboxes(one), reverse=upwards))
    do(bench.home.rename("A/A", "A"))
    assert tree(bench) == {"A": 0, "A/A": 0, "A/A/W": 2, "A/W": 1}


@pytest.mark.parametrize("name", ["B", "B/B", "B/B/C/new", "A", "A/D"])
@pytest.mark.parametrize("after", range(1, 5))
def test_nobody_gets_a_name_of_a_tree_while_it_is_renamed(
    bench: Bench, after: int, name: str
) -> None:
    """Whoever wants one is late, or is asked to wait until it is done; the tree moves whole."""
    before = full_tree(bench)
    seen = between(bench, bench.home.rename("A", "B"), after, lambda: do(bench.home.create(name)))
    moved = {f"B{old[1:]}": count for old, count in before.items()}
    assert tree(bench) == (moved if seen else moved | {name: 0})


@pytest.mark.parametrize("after", range(1, 4))
def test_a_tree_stays_whole_where_it_was_when_another_program_takes_a_name(
    bench: Bench, after: int
) -> None:
    before = full_tree(bench)
    boxes = [bench.open(name) for name in before]
    views = [box.open_view(lambda: None, read_only=False) for box in boxes]

    def foreign() -> None:
        for name in ("cur", "new", "tmp"):
            (bench.folder() / ".B.B.C" / name).mkdir(parents=True)

    with pytest.raises(AlreadyExists):
        between(bench, bench.home.rename("A", "B"), after, foreign)
    assert tree(bench) == before | {"B/B/C": 0}
    assert not any(view.gone for view in views)
    for box in boxes:
        bench.append(box)
    assert tree(bench) == {name: count + 1 for name, count in before.items()} | {"B/B/C": 0}


def between(bench: Bench, steps, after: int, act) -> bool:
    """Carry the steps of a rename out, and do something after so many renames of folders.

    Whether that was refused.
    """
    renames, refused = 0, False
    rename = HomeFiles.rename

    def counted(one: HomeFiles, old: str, new: str) -> None:
        nonlocal renames
        rename(one, old, new)
        renames += 1

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HomeFiles, "rename", counted)
        answer, error = None, None
        while True:
            try:
                step = steps.throw(error) if error is not None else steps.send(answer)
            except StopIteration:
                return refused
            answer, error = None, None
            try:
                answer = step.run()
            except Exception as failure:  # noqa: BLE001 - handed to the steps
                error = failure
            if renames == after:
                renames += 100
                try:
                    act()
                except AlreadyExists:
                    refused = True


def test_renaming_inbox_moves_its_messages_and_leaves_inbox(bench: Bench) -> None:
    box = bench.open()
    bench.append(box, flags=SEEN)
    bench.append(box)
    do(bench.home.rename("INBOX", "Old/Mail"))
    assert len(box.rows) == 0
    old = bench.open("Old/Mail")
    assert (len(old.rows), old.rows.flags[0]) == (2, SEEN)
    assert "INBOX" in listed(bench)


def test_subscriptions_are_in_the_format_of_dovecot_and_outlive_the_mailbox(bench: Bench) -> None:
    do(bench.home.subscribe("Lists/Käse"))
    do(bench.home.subscribe("Lists/Käse"))
    do(bench.home.unsubscribe("Junk"))
    assert "Lists/Käse" in do(bench.home.subscriptions())
    assert "Junk" not in do(bench.home.subscriptions())
    lines = (bench.folder() / "subscriptions").read_text().splitlines()
    assert lines.count("Lists.K&AOQ-se") == 1
    assert "INBOX" in lines


def test_a_mailbox_that_nobody_uses_leaves_the_memory_and_comes_back_without_a_listing(
    bench: Bench,
) -> None:
    box = bench.open()
    bench.append(box)
    box.close()
    for _ in range(70):
        bench.tick()
    assert bench.home.boxes == {}
    again = bench.open()
    assert again is not box
    assert again.rows.uids.tolist() == [1]
    assert again.uidnext == 2
    assert again.highest_modseq == box.highest_modseq
    assert not (bench.index() / "log-1").exists()


def test_a_mailbox_in_use_stays(bench: Bench) -> None:
    box = bench.open()
    bench.open().close()
    for _ in range(70):
        bench.tick()
    assert bench.open() is box


def test_usage_is_a_sum_that_follows_every_change(bench: Bench) -> None:
    box, sent = bench.open(), bench.open("Sent")
    assert bench.home.cached_usage() is None
    assert do(bench.home.usage()).messages == 0
    bench.append(box)
    bench.deliver(box)
    do(box.copy([1], sent))
    used = bench.home.cached_usage()
    assert (used.messages, used.octets) == (3, 3 * len(MESSAGE))
    sent.close()
    for _ in range(70):
        bench.tick()
    assert "Sent" not in bench.home.boxes
    assert bench.home.cached_usage() == used
    bench.restart()
    assert do(bench.home.usage()) == used
    bench.lose_index()
    assert do(bench.home.usage()) == used
    do(bench.home.delete("Sent"))
    assert bench.home.cached_usage().messages == 2


def test_usage_notices_what_other_programs_left_in_a_closed_folder(bench: Bench) -> None:
    bench.open().close()
    assert do(bench.home.usage()).messages == 0
    bench.restart()
    (bench.folder(".Sent") / "new" / "1.x.y").write_bytes(b"12345")
    assert do(bench.home.usage()).octets == 5


def test_addresses_are_separate(bench: Bench) -> None:
    bench.append(bench.open())
    other = do(bench.store.home("ben@office.test").open("INBOX"))
    assert len(other.rows) == 0
    assert bench.store.home(ADDRESS) is bench.home
