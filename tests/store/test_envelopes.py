"""ENVELOPE alone, after the index was lost: made first and fast, and never anything but right."""

from appliance.message.structure import describe
from appliance.threads import run_here

from .conftest import Bench


def test_envelope_alone_is_made_first_and_what_search_and_bodystructure_want_later(
    bench: Bench,
) -> None:
    box = bench.open()
    for number in range(3):
        bench.append(box, b"Subject: Number %d\r\nFrom: a@b.test\r\n\r\nx\r\n" % number)
    whole = [describe(bench.read(box, uid)) for uid in (1, 2, 3)]
    bench.lose_index()
    box = bench.open()
    pairs = run_here(box.wire(0, 2, bodystructure=False))[0]
    assert [one for one, _ in pairs] == [each.envelope for each in whole[:2]]
    assert run_here(box.search_headers(b"subject", "number"))[0] == {1, 2, 3}
    pairs = run_here(box.wire(0, 3))[0]
    assert pairs == [(each.envelope, each.bodystructure) for each in whole]


def test_envelope_alone_survives_a_restart_and_search_still_covers_it(bench: Bench) -> None:
    box = bench.open()
    bench.append(box, b"Subject: Minutes\r\n\r\nx\r\n")
    bench.lose_index()
    (pair,) = run_here(bench.open().wire(0, 1, bodystructure=False))[0]
    bench.restart()
    box = bench.open()
    bench.path(1).write_bytes(b"")  # so that nothing but the cache can tell
    assert run_here(box.wire(0, 1, bodystructure=False))[0] == [pair]
    bench.path(1).write_bytes(b"Subject: Minutes\r\n\r\nx\r\n")
    assert run_here(box.search_headers(b"subject", "minutes"))[0] == {1}


def test_envelope_alone_of_odd_files_is_right_too(bench: Bench) -> None:
    box = bench.open()
    long = b"Subject: Long\r\nX-Filler: " + b"x" * 10_000 + b"\r\nTo: a@b.test\r\n\r\nx\r\n"
    bench.append(box, long)
    bench.append(box, b"")
    bench.append(box)
    (bench.folder() / "new" / "5.theirs.host").write_bytes(b"Subject: LF\nTo: c@d.test\n\nx\n")
    bench.lose_index()
    box = bench.open()
    pairs = run_here(box.wire(0, 4, bodystructure=False))[0]
    assert [one for one, _ in pairs] == [
        describe(bench.read(box, uid)).envelope for uid in box.rows.uids
    ]
