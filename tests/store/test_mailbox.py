"""What a mailbox promises those who use it."""

import errno

import pytest

from appliance import files
from appliance.errors import NotFound, OverQuota, Refused, StorageOffline
from appliance.message.structure import describe
from appliance.store.flags import ANSWERED, DELETED, FLAGGED, SEEN
from appliance.threads import flushed, run_here

from .conftest import MESSAGE, Bench

OTHER = b"From: carol@office.test\r\nSubject: =?utf-8?q?K=C3=A4se?=\r\n\r\nHello\r\n"


def flags_of(box, uid: int) -> int:
    return box.rows.flags[box.row_of(uid)]


def uids(box) -> list[int]:
    return box.rows.uids.tolist()


# --- adding


def test_append_stores_exactly_the_octets_with_flags_keywords_and_date(bench: Bench) -> None:
    box = bench.open()
    uid = bench.append(
        box, b"odd\nline\rends\r\n", flags=SEEN | FLAGGED, keywords=[b"$Work"], date=900000000
    )
    assert bench.read(box, uid) == b"odd\nline\rends\r\n"
    assert flags_of(box, uid) == SEEN | FLAGGED
    assert box.keywords == (b"$Work",)
    assert box.rows.dates[0] == 900000000
    (name,) = bench.files()
    assert name.endswith(",S=15,U=1:2,FSa")
    assert int((bench.folder() / name).stat().st_mtime) == 900000000


def test_uids_ascend_and_none_is_given_twice(bench: Bench) -> None:
    box = bench.open()
    assert [bench.append(box) for _ in range(3)] == [1, 2, 3]
    run_here(box.store_flags([3], add=DELETED))
    assert run_here(box.expunge())[0] == [3]
    assert bench.append(box) == 4
    assert box.uidnext == 5


def test_a_large_message_is_written_in_pieces(bench: Bench) -> None:
    box = bench.open()
    incoming = box.incoming()
    piece = b"x" * 99_998 + b"\r\n"
    for _ in range(30):
        run_here(incoming.write(piece))
    uid, _ = run_here(box.append(incoming))
    assert bench.read(box, uid) == piece * 30
    assert (
        bench.read(
            box,
            uid,
        )[:3]
        == b"xxx"
    )
    assert run_here(box.read(uid, start=99_998, length=4))[0] == b"\r\nxx"
    assert run_here(box.describe([uid]))[0][0].parts


def test_a_discarded_message_leaves_nothing(bench: Bench) -> None:
    box = bench.open()
    incoming = box.incoming()
    run_here(incoming.write(b"x" * 300_000))
    run_here(incoming.discard())
    assert list((bench.folder() / "tmp").iterdir()) == []
    with pytest.raises(Refused):
        run_here(box.append(incoming))
    assert uids(box) == []


def test_delivery_is_a_link_in_new_and_visible_at_once(bench: Bench) -> None:
    box = bench.open()
    source = bench.mail / "spooled"
    source.write_bytes(MESSAGE)
    uid, _ = run_here(box.deliver(source, "Q1R1", size=len(MESSAGE), date=1_900_000_000))
    assert bench.files() == [f"new/1900000000.Q1R1.pillarbox,S={len(MESSAGE)},U=1"]
    assert (bench.folder() / bench.files()[0]).samefile(source)
    assert (uid, box.counts().recent, box.rows.dates[0]) == (1, 1, 1_900_000_000)
    run_here(flushed(box.directory_flush))


def test_delivering_the_same_again_changes_nothing_even_after_the_index_was_lost(
    bench: Bench,
) -> None:
    box = bench.open()
    assert bench.deliver(box, unique="Q1R1") == 1
    assert bench.deliver(box, unique="Q1R1") is None
    assert bench.deliver(box, unique="Q1R10") == 2
    bench.lose_index()
    box = bench.open()
    assert bench.deliver(box, unique="Q1R1") is None
    assert bench.deliver(box, unique="1R1") == 1002


def test_a_delivery_with_flags_lies_in_cur_but_is_recent(bench: Bench) -> None:
    box = bench.open()
    bench.deliver(box, flags=FLAGGED, keywords=[b"$Junk"])
    assert bench.files()[0].startswith("cur/")
    assert bench.files()[0].endswith(":2,Fa")
    assert box.counts().recent == 1


def test_a_delivery_without_a_proper_name_is_refused(bench: Bench) -> None:
    box = bench.open()
    for unique in ("../x", "a,b", "a:2,b", "a.b"):
        with pytest.raises(Refused):
            bench.deliver(box, unique=unique)


# --- flags


def test_flags_change_at_once_and_the_name_follows(bench: Bench) -> None:
    box = bench.open()
    uid = bench.append(box)
    before = box.highest_modseq
    assert run_here(box.store_flags([uid], add=SEEN | ANSWERED, keywords_add=[b"a", b"B"]))[0] == []
    assert flags_of(box, uid) == SEEN | ANSWERED
    assert box.highest_modseq == before + 1 == box.rows.modseqs[0]
    assert bench.files()[0].endswith(":2,")
    bench.tick()
    assert bench.files()[0].endswith(":2,RSab")
    run_here(box.store_flags([uid], remove=SEEN, keywords_remove=[b"A"]))
    run_here(box.settle())
    assert bench.files()[0].endswith(":2,Rb")
    run_here(box.store_flags([uid], add=FLAGGED, replace=True))
    run_here(box.settle())
    assert bench.files()[0].endswith(":2,F")


def test_a_change_that_changes_nothing_gives_no_modseq(bench: Bench) -> None:
    box = bench.open()
    uid = bench.append(box, flags=SEEN)
    before = box.highest_modseq
    run_here(box.store_flags([uid], add=SEEN))
    run_here(box.store_flags([99], add=SEEN))
    assert box.highest_modseq == before


def test_unchangedsince_spares_what_others_changed(bench: Bench) -> None:
    box = bench.open()
    first, second = bench.append(box), bench.append(box)
    known = box.highest_modseq
    run_here(box.store_flags([first], add=FLAGGED))
    failed, _ = run_here(box.store_flags([first, second], add=SEEN, unchanged_since=known))
    assert failed == [first]
    assert flags_of(box, first) == FLAGGED
    assert flags_of(box, second) == SEEN


def test_all_messages_changed_by_one_command_share_a_modseq(bench: Bench) -> None:
    box = bench.open()
    all_uids = [bench.append(box) for _ in range(5)]
    run_here(box.store_flags(all_uids, add=SEEN))
    assert set(box.rows.modseqs) == {box.highest_modseq}


def test_a_mailbox_takes_26_keywords_and_refuses_more(bench: Bench) -> None:
    box = bench.open()
    uid = bench.append(box)
    names = [b"k%d" % number for number in range(26)]
    run_here(box.store_flags([uid], keywords_add=names))
    assert box.keywords == tuple(names)
    assert not box.can_add_keyword()
    with pytest.raises(Refused):
        run_here(box.store_flags([uid], keywords_add=[b"one-more"]))
    assert box.rows.keywords[0] == (1 << 26) - 1
    assert (bench.folder() / "dovecot-keywords").read_bytes().startswith(b"0 k0\n1 k1\n")


def test_keywords_are_the_same_in_any_case_of_letters(bench: Bench) -> None:
    box = bench.open()
    uid = bench.append(box, keywords=[b"$Label1"])
    run_here(box.store_flags([uid], keywords_add=[b"$LABEL1"]))
    assert box.keywords == (b"$Label1",)


# --- copy, move, expunge


def test_copies_share_the_permanent_name_and_the_octets_but_not_the_uid(bench: Bench) -> None:
    box, sent = bench.open(), bench.open("Sent")
    bench.append(sent)
    one = bench.append(box, flags=SEEN, keywords=[b"x", b"y"])
    run_here(sent.store_flags([1], keywords_add=[b"y"]))
    assert run_here(box.copy([one], sent))[0] == [(one, 2)]
    assert run_here(box.permanent_name(one)) == run_here(sent.permanent_name(2))
    assert run_here(box.email_id(one)) == run_here(sent.email_id(2))
    assert run_here(box.email_id(one)) != run_here(sent.email_id(1))
    assert sent.keywords == (b"y", b"x")
    assert flags_of(sent, 2) == SEEN
    assert sent.rows.keywords[1] == 0b11
    assert bench.read(sent, 2) == MESSAGE
    assert run_here(sent.wire(0, 2))[0] == [*run_here(box.wire(0, 1))[0]] * 2


def test_a_copy_into_the_same_mailbox_is_another_message(bench: Bench) -> None:
    box = bench.open()
    one = bench.append(box)
    assert run_here(box.copy([one], box))[0] == [(1, 2)]
    assert uids(box) == [1, 2]
    assert bench.read(box, 2) == MESSAGE


def test_copy_is_all_or_nothing(bench: Bench) -> None:
    box, sent = bench.open(), bench.open("Sent")
    one = bench.append(box)
    two = bench.append(box)
    bench.path(2).unlink()
    with pytest.raises(NotFound):
        run_here(box.copy([one, two], sent))
    assert bench.files(".Sent") == []
    assert uids(sent) == []
    assert uids(box) == [one]


def test_move_leaves_the_message_in_one_place(bench: Bench) -> None:
    box, trash = bench.open(), bench.open("Trash")
    for _ in range(3):
        bench.append(box)
    assert run_here(box.move([1, 3], trash))[0] == [(1, 1), (3, 2)]
    assert uids(box) == [2]
    assert uids(trash) == [1, 2]
    assert len(bench.files()) == 1


def test_a_message_moved_within_its_mailbox_is_another_message(bench: Bench) -> None:
    box = bench.open()
    assert run_here(box.move([bench.append(box)], box))[0] == [(1, 2)]
    assert uids(box) == [2]
    assert bench.read(box, 2) == MESSAGE


def test_a_move_is_all_or_nothing(bench: Bench) -> None:
    box, trash = bench.open(), bench.open("Trash")
    chosen = [bench.append(box) for _ in range(4)]
    before, renames = bench.files(), 0

    def third(act: str, _path: object) -> None:
        nonlocal renames
        renames += act == "before rename"
        if act == "before rename" and renames == 3:
            raise OSError(errno.EIO, "injected")

    files.fault = third
    with pytest.raises(StorageOffline):
        run_here(box.move(chosen, trash))
    files.fault = files._no_fault
    assert (uids(box), uids(trash)) == (chosen, [])
    assert bench.files() == before
    assert [new for _, new in run_here(box.move(chosen, trash))[0]] == uids(trash)
    assert (uids(box), bench.files()) == ([], [])


@pytest.mark.parametrize("act", ["copy", "move"])
def test_what_another_program_put_where_a_message_was_to_go_stays(bench: Bench, act: str) -> None:
    box, trash = bench.open(), bench.open("Trash")
    uid = bench.append(box)
    name = bench.path(uid).name.replace(f",U={uid}:", ",U=1:")
    (bench.folder(".Trash") / "cur" / name).write_bytes(OTHER)
    with pytest.raises(FileExistsError):
        run_here(getattr(box, act)([uid], trash))
    assert (bench.folder(".Trash") / "cur" / name).read_bytes() == OTHER
    assert bench.read(box, uid) == MESSAGE
    run_here(trash.look())
    assert len(uids(trash)) == 1
    assert run_here(getattr(box, act)([uid], trash))[0] == [(uid, max(uids(trash)))]


def test_copying_mail_that_lies_in_new_and_has_moved_to_cur_meanwhile_works(bench: Bench) -> None:
    box, sent = bench.open(), bench.open("Sent")
    uid = bench.deliver(box)
    path = bench.folder() / bench.files()[0]
    path.rename(bench.folder() / "cur" / (path.name + ":2,S"))  # another program read it
    assert run_here(box.copy([uid], sent))[0] == [(1, 1)]


def test_expunge_takes_only_deleted_ones_and_only_those_asked_for(bench: Bench) -> None:
    box = bench.open()
    for _ in range(4):
        bench.append(box)
    run_here(box.store_flags([1, 2, 3], add=DELETED))
    assert run_here(box.expunge([2, 4]))[0] == [2]
    before = box.highest_modseq
    assert run_here(box.expunge())[0] == [1, 3]
    assert uids(box) == [4]
    assert len(bench.files()) == 1
    assert box.vanished_since(before) == [1, 3]
    assert box.vanished_since(before - 1) == [1, 2, 3]
    assert box.vanished_since(1) is None


# --- reading


def test_many_messages_are_read_in_one_go_up_to_a_limit(bench: Bench) -> None:
    box = bench.open()
    for _ in range(5):
        bench.append(box)
    bench.path(2).unlink()
    found, _ = run_here(box.read_many([1, 2, 3, 4, 5], limit=len(MESSAGE) * 3))
    assert found == [(1, MESSAGE), (2, None), (3, MESSAGE)]
    assert [uid for uid, _ in run_here(box.read_many([4, 5], limit=1))[0]] == [4]
    assert run_here(box.read_many([77]))[0] == [(77, None)]


def test_a_message_another_program_removed_is_not_found_and_then_expunged(bench: Bench) -> None:
    box = bench.open()
    uid = bench.append(box)
    (bench.folder() / bench.files()[0]).unlink()
    with pytest.raises(NotFound):
        bench.read(box, uid)
    assert uids(box) == []


def test_descriptions_are_kept_and_made_again_when_lost(bench: Bench) -> None:
    box = bench.open()
    bench.append(box)
    bench.append(box, OTHER)
    expected = [describe(MESSAGE), describe(OTHER)]
    assert run_here(box.describe([1, 2, 9]))[0] == [*expected, None]
    bench.restart()
    (bench.index() / "cache-0").write_bytes(b"")
    box = bench.open()
    assert run_here(box.wire(0, 2))[0] == [(one.envelope, one.bodystructure) for one in expected]
    assert run_here(box.describe([2, 1]))[0] == expected[::-1]


def test_wire_gives_only_what_is_asked_for(bench: Bench) -> None:
    box = bench.open()
    bench.append(box)
    said = describe(MESSAGE)
    assert run_here(box.wire(0, 1, envelope=True, bodystructure=False))[0] == [(said.envelope, b"")]
    assert run_here(box.wire(0, 1, envelope=False, bodystructure=True))[0] == [
        (b"", said.bodystructure)
    ]


def test_headers_are_searched_by_field_decoded_and_folded(bench: Bench) -> None:
    box = bench.open()
    bench.append(box)
    bench.append(box, OTHER)
    bench.append(box, b"X-Nothing: here\r\n\r\n")

    def search(field: bytes, needle: str) -> set[int]:
        return run_here(box.search_headers(field, needle))[0]

    assert search(b"subject", "käse") == {2}
    assert search(b"Subject", "minu") == {1}
    assert search(b"subject", "") == {1, 2}
    assert search(b"from", "office.test") == {1, 2}
    assert search(b"subject", "ben") == set()
    assert search(b"", "ben") == {1}
    assert search(b"", "subject") == set()
    assert search(b"", "2") == set()
    run_here(box.store_flags([1], add=DELETED))
    run_here(box.expunge())
    assert search(b"from", "office") == {2}


def test_a_message_with_bare_lf_of_another_program_is_served_with_crlf(bench: Bench) -> None:
    path = bench.folder() / "new" / "1700000000.M1.elsewhere"
    bench.open()
    path.write_bytes(b"Subject: x\n\nline\r\nline\n")
    box = bench.open()
    assert bench.read(box, 1) == b"Subject: x\r\n\r\nline\r\nline\r\n"
    assert run_here(box.read(1, start=10, length=4))[0] == b"\r\n\r\n"
    assert box.rows.sizes[0] == len(bench.read(box, 1))
    assert bench.files() == ["new/1700000000.M1.elsewhere,S=23,W=26,U=1"]
    sent = bench.open("Sent")
    run_here(box.copy([1], sent))
    assert bench.read(sent, 1) == bench.read(box, 1)
    bench.lose_index()
    assert bench.read(bench.open(), 1) == b"Subject: x\r\n\r\nline\r\nline\r\n"
    assert bench.read(bench.open("Sent"), 1) == b"Subject: x\r\n\r\nline\r\nline\r\n"


def test_counts_come_from_memory(bench: Bench) -> None:
    box = bench.open()
    bench.append(box, flags=SEEN)
    bench.append(box)
    bench.append(box, flags=DELETED)
    bench.deliver(box)
    counts = box.counts()
    assert (counts.messages, counts.unseen, counts.first_unseen, counts.deleted) == (4, 3, 2, 1)
    assert counts.octets == 4 * len(MESSAGE)


# --- quota


def test_the_allowance_holds_from_the_first_message_on(bench: Bench) -> None:
    bench.append(bench.open())
    bench.restart()
    bench.home.quota_octets = len(MESSAGE) + 1
    with pytest.raises(OverQuota):
        bench.append(bench.open("Sent"))


def test_beyond_the_allowance_nothing_is_stored_but_deliveries_may_be_let_in(bench: Bench) -> None:
    box, sent = bench.open(), bench.open("Sent")
    run_here(bench.home.usage())
    bench.home.quota_octets = 2 * len(MESSAGE) + 1
    bench.append(box)
    bench.append(box)
    with pytest.raises(OverQuota):
        bench.append(box)
    with pytest.raises(OverQuota):
        run_here(box.copy([1], sent))
    with pytest.raises(OverQuota):
        bench.deliver(box)
    assert bench.deliver(box, allow_over=True) == 3
    assert run_here(box.move([1], sent))[0] == [(1, 1)]
    run_here(box.store_flags([2, 3], add=DELETED))
    run_here(box.expunge())
    assert bench.append(box) == 4
    assert list((bench.folder() / "tmp").iterdir()) == []


def test_a_mailbox_is_renamed_while_a_message_comes_in(bench: Bench) -> None:
    box = bench.open("Sent")
    incoming = box.incoming()
    run_here(incoming.write(MESSAGE + bytes(300_000)))
    run_here(bench.home.rename("Sent", "Posted"))
    uid = run_here(box.append(incoming))[0]
    (path,) = (bench.folder(".Posted") / "cur").iterdir()
    assert f",U={uid}:" in path.name


def test_a_message_for_a_mailbox_that_is_removed_meanwhile_leaves_nothing(bench: Bench) -> None:
    box = bench.open("Sent")
    incoming = box.incoming()
    run_here(incoming.write(MESSAGE + bytes(300_000)))
    files.remove_tree(bench.folder(".Sent"))  # by another program
    with pytest.raises(NotFound):
        run_here(box.append(incoming))
    assert list((bench.folder() / "tmp").iterdir()) == []
