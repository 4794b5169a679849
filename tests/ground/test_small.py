"""Small parts of the ground floor and the net room, the panel and the control socket."""

import asyncio
import errno
import logging
import os
import socket

import pytest

from appliance import control, files, log
from appliance.clock import SetClock
from appliance.conditions import Board, Condition, Severity
from appliance.errors import Refused, StorageFull, StorageOffline
from appliance.net import systemd
from appliance.net.doorkeeper import Doorkeeper, DoorLimits, network_of
from appliance.panel import patterns


def line_of(message, *arguments, for_journal=False, **fields):
    record = logging.LogRecord("pillarbox.imap", logging.WARNING, "", 1, message, arguments, None)
    record.__dict__.update(fields)
    return log.LineFormatter(for_journal=for_journal).format(record)


def test_a_log_line_names_the_known_fields_and_no_others():
    line = line_of("logged in", account="anna@office.test", peer="192.0.2.7", password="secret")
    assert line.endswith("warning imap: logged in account=anna@office.test peer=192.0.2.7")


def test_nobody_can_forge_a_log_line():
    line = line_of("said %s", "x\r\n2026 error imap: forged", message_id="<a\nb>")
    assert "\n" not in line
    assert r"x\r\n2026 error" in line
    assert len(line_of("%s", "x" * 10_000)) < 600


def test_the_journal_gets_the_priority_in_front():
    assert line_of("careful", for_journal=True) == "<4>imap: careful"


def test_a_condition_stands_until_it_is_taken_down_and_keeps_its_beginning():
    board, changes = Board(), []
    board.on_change(lambda: changes.append(1))
    board.put_up(Condition("disk", Severity.ATTENTION, "Slow.", since=5.0))
    board.put_up(Condition("disk", Severity.FAULT, "Gone.", since=9.0))
    board.put_up(Condition("disk", Severity.FAULT, "Gone.", since=10.0))
    assert [(c.sentence, c.since) for c in board.standing()] == [("Gone.", 5.0)]
    board.take_down("disk")
    board.take_down("disk")
    assert board.standing() == ()
    assert len(changes) == 3


def test_the_status_lamp_shows_the_worst():
    def standing(*severities):
        return [Condition(str(s), s, "x") for s in severities]

    assert patterns.status([]) is patterns.ALL_WELL
    assert patterns.status(standing(Severity.WORKING, Severity.FAULT)) is patterns.FAULT
    assert patterns.status(standing(Severity.WORKING)) is patterns.WORKING


def test_the_doorkeeper_counts_at_once_per_minute_and_in_all():
    keeper = Doorkeeper(DoorLimits(4, 3, 5))
    assert [bool(keeper.enter("a", 0.0)) for _ in range(4)] == [False, False, False, True]
    assert keeper.enter("b", 0.0) == ""
    assert "at once; try" in keeper.enter("c", 0.0)
    keeper.leave("b")
    keeper.leave("a")
    assert keeper.enter("a", 1.0) == ""
    keeper.leave("a")
    assert "in this minute" in keeper.enter("a", 2.0)
    assert keeper.enter("a", 61.0) == ""


def test_an_ipv6_peer_is_counted_by_its_network():
    assert (
        network_of("2001:db8:1:2::5") == network_of("2001:db8:1:2:ffff::1") == "2001:db8:1:2::/64"
    )
    assert network_of("fe80::1%eth0") == "fe80::/64"
    assert network_of("192.0.2.1") == "192.0.2.1"


@pytest.mark.parametrize(
    ("number", "wanted"),
    [
        (errno.ENOSPC, StorageFull),
        (errno.EDQUOT, StorageFull),
        (errno.EIO, StorageOffline),
        (errno.EROFS, StorageOffline),
        (errno.ENOENT, FileNotFoundError),
    ],
)
def test_the_disks_errors_are_the_houses(number, wanted):
    with pytest.raises(wanted), files.act("write", "x"):
        raise OSError(number, os.strerror(number))


def test_replace_leaves_the_old_or_the_new(tmp_path, monkeypatch):
    path = tmp_path / "file"
    files.replace(path, b"old")
    acts = []
    monkeypatch.setattr(files, "fault", lambda name, _path: acts.append(name))
    files.replace(path, b"old")
    for place in range(len(acts)):
        counter = iter(range(1000))

        def fault(name, _path, counter=counter, place=place):
            if next(counter) == place:
                raise OSError(errno.EIO, "injected")

        monkeypatch.setattr(files, "fault", fault)
        with pytest.raises(StorageOffline):
            files.replace(path, b"new")
        assert path.read_bytes() in (b"old", b"new")
        monkeypatch.setattr(files, "fault", lambda *_: None)
        files.replace(path, b"old")
    assert os.listdir(tmp_path) == ["file"]


def test_directories_are_made_durable_and_removed_whole(tmp_path):
    files.make_directories(tmp_path / "a" / "b" / "c")
    (tmp_path / "a" / "b" / "file").touch()
    os.symlink("/", tmp_path / "a" / "link")
    files.remove_tree(tmp_path / "a")
    assert os.listdir(tmp_path) == []
    files.remove_tree(tmp_path / "a")


def test_a_set_clock_moves_only_when_told():
    clock = SetClock(100.0)
    clock.advance(5)
    clock.jump(0.0)
    assert (clock.wall(), clock.monotonic()) == (0.0, 1005.0)


def test_systemd_hears_of_us_where_it_listens(tmp_path, monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        systemd.notify("READY=1")
        assert listening.recv(100) == b"READY=1"
    systemd.notify("READY=1")  # nobody listens any more: no harm
    monkeypatch.setenv("WATCHDOG_USEC", "20000000")
    assert systemd.watchdog_seconds() == 10.0
    monkeypatch.setenv("WATCHDOG_PID", "1")
    assert systemd.watchdog_seconds() == 0.0


def ask_the_control(tmp_path, *requests):
    state = tmp_path / ("deep" * 30)
    state.mkdir()

    async def double(number):
        if number == 0:
            raise Refused("Not zero.")
        return number * 2 // (number - 1)

    async def main():
        server = asyncio.create_task(control.ControlServer(state, {"double": double}).run())
        while not (state / control.SOCKET).exists():
            await asyncio.sleep(0.01)
        assert (state / control.SOCKET).stat().st_mode & 0o077 == 0
        answers = []
        for act, values in requests:
            try:
                answers.append(
                    await asyncio.to_thread(lambda a=act, v=values: control.ask(state, a, **v))
                )
            except Refused as refusal:
                answers.append(str(refusal))
        server.cancel()
        await asyncio.gather(server, return_exceptions=True)
        return answers

    return asyncio.run(main())


def test_the_control_socket_answers_or_says_one_sentence_however_deep_the_state(tmp_path):
    answers = ask_the_control(
        tmp_path,
        ("double", {"number": 3}),
        ("double", {"number": 0}),
        ("triple", {}),
        ("double", {"x": 1}),
        ("double", {"number": 1}),
    )
    assert answers[:2] == [3, "Not zero."]
    assert answers[2] == answers[3] == "The running daemon does not know this request; is it older?"
    assert answers[4] == "The daemon could not do it (ZeroDivisionError); see its log."


def test_without_a_daemon_nobody_answers(tmp_path):
    with pytest.raises(ConnectionError):
        control.ask(tmp_path, "status")
