"""What is found again: after an ordered end, a kill, a power cut, the loss of the index, and
after other programs worked in the folders."""

import os
import shutil

import pytest

from appliance import files
from appliance.errors import NotFound, Refused, StorageOffline
from appliance.message.structure import describe
from appliance.store.check import check, rebuild
from appliance.store.flags import ANSWERED, DELETED, FLAGGED, SEEN
from appliance.store.store import Store
from appliance.threads import run_here

from .conftest import ADDRESS, MESSAGE, Bench


def state(box) -> list[tuple[int, int, list[bytes]]]:
    rows = box.rows
    names = [
        [name for bit, name in enumerate(box.keywords) if mask >> bit & 1] for mask in rows.keywords
    ]
    return list(zip(rows.uids, rows.flags, names, strict=True))


def filled(bench: Bench):
    box = bench.open()
    bench.append(box, flags=SEEN)
    bench.append(box, keywords=[b"$Work"])
    bench.deliver(box)
    bench.append(box, flags=FLAGGED | ANSWERED)
    run_here(box.store_flags([2], add=DELETED))
    run_here(box.expunge())
    return box


# --- our own ends


def test_after_an_ordered_end_everything_is_as_it_was(bench: Bench) -> None:
    box = filled(bench)
    told = state(box), box.uidnext, box.highest_modseq, box.uidvalidity, box.mailbox_id
    dates = box.rows.dates.tolist(), box.rows.saved.tolist(), box.rows.modseqs.tolist()
    since = box.vanished_since(box.highest_modseq - 1)
    bench.restart()
    box = bench.open()
    assert (state(box), box.uidnext, box.highest_modseq, box.uidvalidity, box.mailbox_id) == told
    assert (box.rows.dates.tolist(), box.rows.saved.tolist(), box.rows.modseqs.tolist()) == dates
    assert box.vanished_since(box.highest_modseq - 1) == since


@pytest.mark.parametrize("power", [False, True])
def test_after_a_kill_uids_and_flags_are_kept_and_no_number_is_given_again(
    bench: Bench, power: bool
) -> None:
    box = filled(bench)
    run_here(box.store_flags([4], add=DELETED, remove=FLAGGED, keywords_add=[b"new"]))
    told, uidnext, modseq = state(box), box.uidnext, box.highest_modseq
    bench.kill(power=power)
    box = bench.open()
    assert state(box) == told
    assert box.uidnext > uidnext
    assert box.highest_modseq > modseq
    assert bench.append(box) >= uidnext


def test_after_a_kill_modseqs_of_messages_hold_but_after_a_power_cut_they_are_new(
    bench: Bench,
) -> None:
    box = filled(bench)
    run_here(box.store_flags([1], remove=SEEN))
    run_here(box.settle())
    modseqs = box.rows.modseqs.tolist()
    bench.kill()
    assert bench.open().rows.modseqs.tolist() == modseqs
    bench.kill(power=True)
    assert min(bench.open().rows.modseqs) > max(modseqs)


def test_a_uid_is_not_used_again_when_its_message_was_expunged_just_before_the_power_went(
    bench: Bench,
) -> None:
    box = bench.open()
    bench.append(box)
    last = bench.append(box)
    run_here(box.store_flags([last], add=DELETED))
    run_here(box.expunge())
    shutil.rmtree(bench.mail / "index")
    bench.kill(power=True)
    assert bench.append(bench.open()) > last


def test_uids_flags_and_dates_survive_the_loss_of_the_index(bench: Bench) -> None:
    box = filled(bench)
    told, dates, sizes = state(box), box.rows.dates.tolist(), box.rows.sizes.tolist()
    modseq, identity = box.highest_modseq, (box.uidvalidity, box.mailbox_id)
    bench.lose_index()
    box = bench.open()
    assert state(box) == told
    assert (box.rows.dates.tolist(), box.rows.sizes.tolist()) == (dates, sizes)
    assert min(box.rows.modseqs) > modseq
    assert (box.uidvalidity, box.mailbox_id) == identity
    assert box.vanished_since(modseq) is None


def test_modseq_never_goes_back_even_when_clock_and_index_do(bench: Bench) -> None:
    box = bench.open()
    bench.append(box)
    highest = box.highest_modseq
    for wall in (1000.0, 3_000_000_000.0, 5.0):
        bench.clock.jump(wall)
        bench.lose_index()
        box = bench.open()
        assert box.highest_modseq > highest
        run_here(box.store_flags([1], add=SEEN))
        run_here(box.store_flags([1], remove=SEEN))
        highest = box.highest_modseq
        assert highest < 1 << 63


@pytest.mark.parametrize("name", ["columns", "names-1", "names-0", "cache-0", "headers-0"])
@pytest.mark.parametrize("damage", ["cut", "garbage", "empty", "gone", "directory"])
def test_a_damaged_index_is_made_again_and_never_fatal(
    bench: Bench, name: str, damage: str
) -> None:
    box = filled(bench)
    told = state(box)
    bench.kill()
    bench.open()
    bench.restart()
    path = bench.index() / name
    if not path.exists():
        return
    data = path.read_bytes()
    if damage == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif damage == "garbage":
        path.write_bytes(os.urandom(len(data)))
    elif damage == "empty":
        path.write_bytes(b"")
    else:
        path.unlink()
    if damage == "directory":
        path.mkdir()
    os.utime(bench.folder() / "cur", (1, 1))  # and a listing is needed
    if damage == "directory" and name != "columns":
        shutil.rmtree(path)
    box = bench.open()
    assert state(box) == told
    assert [bench.read(box, uid) for uid, *_ in told] == [MESSAGE] * 3
    assert run_here(box.search_headers(b"from", "ben"))[0] == {uid for uid, *_ in told}


@pytest.mark.parametrize("kept", [0, 5, 16, 20, 40, 90])
def test_a_torn_log_is_cut_and_the_names_tell_the_rest(bench: Bench, kept: int) -> None:
    box = filled(bench)
    run_here(box.settle())
    told = state(box)
    (log,) = bench.index().glob("log-*")
    log.write_bytes(log.read_bytes()[:kept])
    bench.kill(power=True)
    box = bench.open()
    assert state(box) == told
    run_here(box.store_flags([1], add=FLAGGED))
    bench.kill()
    assert bench.open().rows.flags[0] & FLAGGED


def test_flags_logged_but_not_yet_in_the_name_win_over_it_and_others_flags_are_kept(
    bench: Bench,
) -> None:
    box = bench.open()
    bench.append(box, flags=SEEN)
    run_here(box.store_flags([1], add=FLAGGED, remove=SEEN))
    path = bench.path(1)
    path.rename(str(path).replace(":2,S", ":2,RS"))  # another program answered it meanwhile
    bench.kill()
    box = bench.open()
    assert box.rows.flags[0] == FLAGGED | ANSWERED
    bench.tick()
    assert bench.path(1).name.endswith(":2,FR")


def test_a_flag_set_renamed_and_taken_off_again_stays_off_after_a_kill(bench: Bench) -> None:
    box = bench.open()
    bench.append(box)
    run_here(box.store_flags([1], add=SEEN))
    bench.tick()
    run_here(box.store_flags([1], remove=SEEN))
    bench.kill()
    assert bench.open().rows.flags[0] == 0


def test_a_long_log_becomes_a_snapshot_while_the_mailbox_is_in_use(
    bench: Bench, monkeypatch
) -> None:
    monkeypatch.setattr("appliance.store.mailbox.LOG_AT_LEAST", 500)
    box = bench.open()
    for _ in range(20):
        bench.append(box)
        run_here(box.store_flags([1], add=SEEN))
        run_here(box.store_flags([1], remove=SEEN))
        bench.tick(4)
    told = state(box)
    assert int(next(bench.index().glob("columns")).stat().st_size) > 0
    assert all(log.stat().st_size < 3000 for log in bench.index().glob("log-*"))
    bench.kill()
    assert state(bench.open()) == told


def test_a_clean_index_needs_no_listing(bench: Bench, monkeypatch) -> None:
    filled(bench)
    bench.restart()
    monkeypatch.setattr("appliance.store.scan.list_entries", None)
    assert len(bench.open().rows) == 3


def test_a_folder_changed_in_the_moment_of_closing_is_listed(bench: Bench) -> None:
    filled(bench)
    bench.clock.jump((bench.folder() / "cur").stat().st_mtime + 1)
    bench.restart()
    box = bench.open()
    assert box.recorded_times() == (0, 0)


@pytest.mark.parametrize("end", ["idle", "kill", "nothing"])
def test_what_expunged_messages_left_in_the_index_is_thrown_away(bench: Bench, end: str) -> None:
    box = bench.open()
    for number in range(160):
        bench.append(box, b"Subject: number %d\r\n\r\n" % number)
    run_here(box.store_flags(range(3, 160), add=DELETED))
    run_here(box.expunge())
    before = (bench.index() / "cache-0").stat().st_size
    box.close()
    bench.tick(100)
    assert sum(path.stat().st_size for path in bench.index().glob("cache-*")) < before / 10
    assert len(list(bench.index().iterdir())) <= 5
    if end == "kill":
        bench.kill()
    box = box if end == "nothing" else bench.open()
    assert box.rows.uids.tolist() == [1, 2, 160]
    assert bench.read(bench.open(), 160) == b"Subject: number 159\r\n\r\n"
    assert run_here(bench.open().search_headers(b"subject", "number 15"))[0] == {160}
    assert b"number 159" in run_here(bench.open().wire(2, 3))[0][0][0]


def test_a_kill_between_compacting_and_the_snapshot_loses_nothing(bench: Bench) -> None:
    box = bench.open()
    for number in range(160):
        bench.append(box, b"Subject: number %d\r\n\r\n" % number)
    bench.restart()
    box = bench.open()
    run_here(box.store_flags(range(3, 160), add=DELETED))
    run_here(box.expunge())
    run_here(box._compact())
    bench.append(box, b"Subject: last\r\n\r\n")
    bench.tick(4)
    bench.kill()
    box = bench.open()
    assert box.rows.uids.tolist() == [1, 2, 160, 161]
    texts = [bench.read(box, uid) for uid in box.rows.uids]
    assert [said.envelope for said in run_here(box.describe(box.rows.uids))[0]] == [
        describe(text).envelope for text in texts
    ]
    assert run_here(box.search_headers(b"subject", "number"))[0] == {1, 2, 160}


# --- other programs


def leave(bench: Bench, name: str, message: bytes = MESSAGE, folder: str = "") -> None:
    (bench.folder(folder) / name).write_bytes(message)


def test_mail_left_in_new_is_numbered_while_the_mailbox_is_open(bench: Bench) -> None:
    box = bench.open()
    bench.append(box)
    heard = []
    view = box.open_view(lambda: heard.append(1), read_only=False)
    leave(bench, "new/1700000002.b.elsewhere")
    leave(bench, "new/1700000001.a.elsewhere")
    leave(bench, "new/.hidden")
    bench.tick()
    assert heard
    assert view.sync().count == 3
    assert box.rows.uids.tolist() == [1, 2, 3]
    assert bench.path(2).name == f"1700000001.a.elsewhere,S={len(MESSAGE)},U=2"
    assert view.recent == {1, 2, 3}
    assert box.rows.dates[1] == int(bench.path(2).stat().st_mtime)


def test_mail_left_while_nobody_looked_is_there_at_select(bench: Bench) -> None:
    bench.append(bench.open())
    leave(bench, "cur/1700000001.a.elsewhere:2,FS")
    box = bench.open()
    assert [(uid, flags) for uid, flags, _ in state(box)] == [(1, 0), (2, FLAGGED | SEEN)]
    bench.restart()
    leave(bench, "new/1700000009.z.elsewhere")
    assert bench.open().rows.uids.tolist() == [1, 2, 3]


def test_flags_and_deletions_of_others_are_noticed_and_told(bench: Bench) -> None:
    box = bench.open()
    for _ in range(3):
        bench.append(box)
    view = box.open_view(lambda: None, read_only=False)
    before = box.highest_modseq
    path = bench.path(1)
    path.rename(str(path) + "FT")
    bench.path(2).unlink()
    bench.tick()
    news = view.sync()
    assert (news.changed, news.vanished) == ((1,), (2,))
    assert box.rows.flags[0] == FLAGGED | DELETED
    assert box.vanished_since(before) == [2]
    assert min(box.rows.modseqs[0], box.highest_modseq) > before


def test_names_with_letters_in_any_order_are_put_in_order(bench: Bench) -> None:
    box = bench.open()
    bench.append(box)
    path = bench.path(1)
    path.rename(str(path) + "SFX")
    bench.tick()
    assert box.rows.flags[0] == SEEN | FLAGGED
    assert bench.path(1).name.endswith(":2,FS")
    assert bench.read(box, 1) == MESSAGE


def test_the_letter_of_passed_on_mail_becomes_the_keyword(bench: Bench) -> None:
    leave_folder = bench.open()
    leave(bench, "cur/1700000001.a.elsewhere:2,PS")
    bench.tick()
    assert leave_folder.keywords == (b"$Forwarded",)
    assert leave_folder.rows.keywords[0] == 1


def test_keywords_another_program_named_are_known_and_unnamed_ones_are_kept(bench: Bench) -> None:
    box = bench.open()
    (bench.folder() / "dovecot-keywords").write_bytes(b"0 $Important\n1 Later\n")
    leave(bench, "cur/1700000001.a.elsewhere:2,Sbd")
    bench.tick()
    assert box.keywords[:2] == (b"$Important", b"Later")
    assert box.rows.keywords[0] == 0b1010
    assert bench.files()[0].endswith(":2,Sbd")


@pytest.mark.parametrize("mode", ["open", "closed", "killed", "lost"])
def test_a_copied_in_file_with_a_uid_in_use_gets_a_new_one(bench: Bench, mode: str) -> None:
    box = bench.open()
    bench.append(box)
    bench.append(box)
    if mode == "closed":
        bench.restart()
    elif mode == "killed":
        bench.kill()
    elif mode == "lost":
        bench.lose_index()
    leave(bench, "cur/2100000000.copy.elsewhere,S=9,U=1:2,S", b"Subject:\r\n")
    box = bench.open()
    assert len(box.rows) == 3
    assert [bench.read(box, uid) for uid in (1, 2)] == [MESSAGE] * 2
    assert bench.read(box, box.rows.uids[2]) == b"Subject:\r\n"
    assert box.rows.uids[2] > 2


def test_a_copied_in_file_with_a_uid_that_was_expunged_or_never_given_gets_a_new_one(
    bench: Bench,
) -> None:
    box = bench.open()
    for _ in range(3):
        bench.append(box)
    run_here(box.store_flags([2], add=DELETED))
    run_here(box.expunge())
    leave(bench, "cur/2100000000.x.elsewhere,S=9,U=2:2,S", b"Subject:\r\n")
    leave(bench, "cur/2100000001.y.elsewhere,S=9,U=4000000000:2,S", b"Subject:\r\n")
    leave(bench, "cur/2100000002.z.elsewhere,S=9,U=99999999999999:2,S", b"Subject:\r\n")
    leave(bench, "cur/2100000003.z.elsewhere,S=9,U=0:2,S", b"Subject:\r\n")
    bench.tick()
    assert box.rows.uids.tolist() == [1, 3, 4, 5, 6, 7]
    assert box.uidnext == 8


def test_a_message_whose_file_others_replaced_by_another_is_a_new_message(bench: Bench) -> None:
    box = bench.open()
    bench.append(box)
    bench.path(1).unlink()
    leave(bench, "cur/2100000000.x.elsewhere,S=9,U=1:2,S", b"Subject:\r\n")
    bench.tick()
    assert box.rows.uids.tolist() == [2]


def test_uids_that_mbsync_gave_are_kept(bench: Bench) -> None:
    bench.open().close()
    bench.store.settle()
    bench.restart()
    folder = bench.folder(".Sent")
    validity = (
        (folder / ".uidvalidity").read_text().split()[0]
        if (folder / ".uidvalidity").exists()
        else "0"
    )
    (folder / ".uidvalidity").write_text(f"{validity}\n40\n")
    leave(bench, "cur/1700000000.1_1.elsewhere,U=37:2,S", folder=".Sent")
    leave(bench, "cur/1700000000.1_2.elsewhere,U=40:2,", folder=".Sent")
    box = bench.open("Sent")
    assert box.rows.uids.tolist() == [37, 40]
    assert box.uidvalidity == int(validity)
    assert bench.append(box) == 41


def test_strange_files_of_others_harm_nobody(bench: Bench) -> None:
    box = bench.open()
    bench.append(box)
    long = "1700000001." + "x" * 240
    leave(bench, f"cur/{long}")
    leave(bench, "new/1700000002.line\nend")
    (bench.folder() / "cur" / "a directory").mkdir()
    (bench.folder() / "cur" / "another,S=3,U=900:2,").mkdir()
    (bench.folder() / "new" / "dangling").symlink_to("/nowhere")
    bench.tick()
    run_here(box.store_flags([2, 3], add=31, keywords_add=[b"k%d" % n for n in range(26)]))
    run_here(box.settle())
    assert [bench.read(box, uid) for uid in (1, 2, 3)] == [MESSAGE] * 3
    bench.lose_index()
    box = bench.open()
    assert box.rows.uids.tolist()[:3] == [1, 2, 3]
    for uid in box.rows.uids[3:]:
        with pytest.raises(Refused):
            bench.read(box, uid)
        assert run_here(box.read_many([uid]))[0] == [(uid, None)]


def test_a_folder_that_lost_its_identity_gets_a_new_uidvalidity_and_keeps_its_mail(
    bench: Bench,
) -> None:
    box = bench.open()
    bench.append(box)
    before = box.uidvalidity
    bench.restart()
    (bench.folder() / ".uidvalidity").unlink()
    box = bench.open()
    assert box.uidvalidity > before
    assert box.rows.uids.tolist() == [1]
    assert bench.append(box) > 1


def test_a_folder_removed_by_others_ends_its_sessions(bench: Bench) -> None:
    box = bench.open("Junk")
    view = box.open_view(lambda: None, read_only=False)
    shutil.rmtree(bench.folder(".Junk"))
    bench.tick()
    assert view.gone
    with pytest.raises(NotFound):
        bench.open("Junk")


# --- the disk


def test_a_missing_disk_is_offline_and_never_an_empty_mailbox(bench: Bench) -> None:
    box = bench.open()
    bench.append(box)
    view = box.open_view(lambda: None, read_only=False)
    away = bench.mail.with_name("away")
    bench.mail.rename(away)
    bench.mail.mkdir()  # an empty mount point
    with pytest.raises(StorageOffline):
        bench.read(box, 1)
    with pytest.raises(StorageOffline):
        bench.append(box)
    with pytest.raises(StorageOffline):
        run_here(box.incoming().write(b"x" * 300_000))
    with pytest.raises(StorageOffline):
        bench.open("Sent")
    with pytest.raises(StorageOffline):
        run_here(bench.store.home("new@office.test").list())
    bench.tick()
    assert not bench.store.is_online
    assert view.gone
    for steps in (
        bench.home.list(),
        bench.home.open("INBOX"),
        bench.home.usage(),
        box.read(1),
        bench.home.create("X"),
    ):
        with pytest.raises(StorageOffline):
            run_here(steps)
    assert list(bench.mail.iterdir()) == []
    bench.tick()
    bench.mail.rmdir()
    away.rename(bench.mail)
    bench.tick()
    assert bench.store.is_online
    assert bench.read(bench.open(), 1) == MESSAGE


def test_another_disk_at_its_place_is_not_used(bench: Bench, tmp_path) -> None:
    bench.append(bench.open())
    bench.mail.rename(tmp_path / "away")
    other = Bench(bench.mail)
    other.store.stop()
    bench.tick()
    bench.tick()
    assert not bench.store.is_online


def test_a_store_that_has_been_used_does_not_begin_on_an_empty_disk(bench: Bench, tmp_path) -> None:
    store = Store(tmp_path / "unmounted", bench.clock, expect_marker=True)
    store.start()
    assert not store.is_online
    assert not (tmp_path / "unmounted").exists()
    with pytest.raises(StorageOffline):
        run_here(store.home(ADDRESS).open("INBOX"))


def test_a_second_daemon_is_refused_in_plain_words(bench: Bench) -> None:
    with pytest.raises(Refused, match=str(os.getpid())):
        Store(bench.mail, bench.clock).start()


def test_on_a_full_disk_mail_can_be_read_flagged_and_deleted(bench: Bench, monkeypatch) -> None:
    box = bench.open()
    for _ in range(3):
        bench.append(box)

    def full(act: str, path: object) -> None:
        making = act in ("before create", "before make directory") and not os.path.exists(path)
        if making or act in ("before write", "before link"):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "fault", full)
    run_here(box.store_flags([1], add=SEEN))
    assert bench.path(1).name.endswith(":2,S")
    run_here(box.store_flags([2], add=DELETED))
    assert run_here(box.expunge())[0] == [2]
    assert bench.read(box, 3) == MESSAGE
    bench.kill_while_full()
    box = bench.open()
    assert [(uid, flags) for uid, flags, _ in state(box)] == [(1, SEEN), (3, 0)]
    assert bench.read(box, 3) == MESSAGE
    assert run_here(box.search_headers(b"from", "ben"))[0] == {1, 3}


# --- checking


def test_check_finds_nothing_wrong_in_a_good_store_and_rebuild_removes_the_index(
    bench: Bench,
) -> None:
    filled(bench)
    bench.restart()
    told = state(bench.open())
    bench.restart()
    assert [one for one in check(bench.mail) if one.mailbox == "INBOX"] == []
    assert not any(one.is_fault for one in check(bench.mail, ADDRESS))
    rebuild(bench.mail, ADDRESS)
    assert not bench.index().exists()
    assert any("no index" in one.text for one in check(bench.mail))
    assert state(bench.open()) == told


def test_check_tells_of_damage(bench: Bench) -> None:
    box = filled(bench)
    leave(bench, "cur/2100000000.x.elsewhere,S=9,U=1:2,S")
    leave(bench, "cur/2100000000.y.elsewhere,S=9,U=5000000:2,S")
    leave(bench, "cur/2100000000.z.elsewhere:2,S")
    (log,) = bench.index().glob("log-*")
    with log.open("ab") as file:
        file.write(b"torn")
    bench.path(4).unlink()
    assert len(box.rows) == 3
    told = " ".join(one.text for one in check(bench.mail, ADDRESS) if one.mailbox == "INBOX")
    for words in ("Two files", "no UID yet", "never given out", "torn"):
        assert words in told
    (bench.index() / "columns").write_bytes(b"no")
    assert any("damaged" in one.text for one in check(bench.mail))
