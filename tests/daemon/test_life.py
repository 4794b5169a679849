"""The daemon's life: start, stop, restart, being killed, and refusing to start with a sentence."""

from __future__ import annotations

import fcntl
import os
import re
import smtplib
import socket
import stat
import subprocess
import threading
import time
from pathlib import Path

from appliance import control
from tests.support.box import PILLARBOX, ROOT, Box, free_port_base, wait_until
from tests.support.mail import letter, submit, wait_for_mail, without_trace
from tests.support.sessions import doors_open_to, imap, pop3


def refusal(box: Box, *, port_base: int = 0) -> str:
    """Start a daemon that must not start; the one sentence it says."""
    process = box.launch(port_base=port_base or free_port_base())
    assert process.wait(20) == 1
    lines = [
        line
        for line in box.log_of_this_run().splitlines()
        if not re.match(r"\d{4}-\d\d-\d\d ", line)
    ]
    assert len(lines) == 1, lines
    return lines[0]


def beside(box: Box, folder: Path) -> Box:
    """A second box on the same state."""
    other = Box(folder / "other")
    other.state = box.state
    return other


def test_sigterm_ends_it_within_five_seconds_and_what_was_acknowledged_is_there(
    own_box: Box,
) -> None:
    anna, ben = own_box.account("anna"), own_box.account("ben")
    messages = [letter(f"n{n}", anna.address, ben.address) for n in range(30)]
    idle = imap(own_box, ben)
    with idle as client:
        client.select()
        client.send(b"x IDLE\r\n")
        submit(own_box, anna, [ben.address], *messages)
        assert own_box.terminate(seconds=5) == 0
    assert "stopped" in own_box.log_of_this_run()
    assert not (own_box.state / "control.sock").exists()
    own_box.start()
    assert sorted(map(without_trace, wait_for_mail(own_box, ben, 30))) == sorted(messages)


def test_sigterm_in_the_middle_of_a_message_loses_only_what_was_not_acknowledged(
    own_box: Box,
) -> None:
    anna, ben = own_box.account("anna"), own_box.account("ben")
    client = smtplib.SMTP("localhost", own_box.port(587), timeout=10)
    client.ehlo("desk")
    client.login(anna.address, anna.password)
    client.sendmail(anna.address, [ben.address], letter("whole", anna.address, ben.address))
    client.mail(anna.address)
    client.rcpt(ben.address)
    assert client.docmd("DATA")[0] == 354
    client.send(b"Subject: half\r\n\r\nbeg")
    assert own_box.terminate(seconds=5) == 0
    client.close()
    own_box.start()
    (stored,) = wait_for_mail(own_box, ben, 1)
    assert without_trace(stored) == letter("whole", anna.address, ben.address)
    assert own_box.cli("queue", "list") == "Nothing waits.\n"


def test_what_was_acknowledged_before_a_kill_is_delivered_once(own_box: Box) -> None:
    anna, ben = own_box.account("anna"), own_box.account("ben")
    messages = [letter(f"n{n}", anna.address, ben.address) for n in range(20)]
    submit(own_box, anna, [ben.address], *messages)
    own_box.kill()
    own_box.start()
    assert sorted(map(without_trace, wait_for_mail(own_box, ben, 20))) == sorted(messages)


def test_uids_and_flags_outlive_a_restart(own_box: Box) -> None:
    ben = own_box.account("ben")
    with imap(own_box, ben) as client:
        client.select()
        for n in range(3):
            client.append("INBOX", "", "", letter(f"n{n}", "anna@office.test", ben.address))
        client.store("2", "+FLAGS", r"(\Flagged $Work)")
        client.store("1", "+FLAGS", r"(\Deleted)")
        client.expunge()
        client.fetch("1:*", "(UID FLAGS)")
        before = client.fetch("1:*", "(UID FLAGS INTERNALDATE)")
        validity = client.status("INBOX", "(UIDVALIDITY UIDNEXT MESSAGES)")
    own_box.terminate()
    own_box.start()
    with imap(own_box, ben) as client:
        assert client.status("INBOX", "(UIDVALIDITY UIDNEXT MESSAGES)") == validity
        client.select(readonly=True)
        after = client.fetch("1:*", "(UID FLAGS INTERNALDATE)")
    assert [line.replace(b" \\Recent", b"") for line in after[1]] == [
        line.replace(b" \\Recent", b"").replace(b"\\Recent", b"") for line in before[1]
    ]


def test_a_second_daemon_on_the_same_state_is_refused_with_a_sentence(
    own_box: Box, tmp_path: Path
) -> None:
    sentence = refusal(beside(own_box, tmp_path))
    assert re.search(r"(?i)another|already", sentence), sentence
    assert own_box.is_running
    assert doors_open_to(own_box, own_box.account("anna")) == {"imap", "pop3", "smtp"}
    assert own_box.cli("status")


def test_a_port_that_is_taken_is_refused_with_a_sentence(tmp_path: Path) -> None:
    box = Box(tmp_path / "box")
    base = free_port_base()
    with socket.create_server(("127.0.0.1", base + 143)):
        sentence = refusal(box, port_base=base)
    assert sentence.startswith(f"Port {base + 143} cannot be used on 127.0.0.1: ")


def test_keys_certificates_and_accounts_are_for_the_owner_only(own_box: Box) -> None:
    own_box.person("carl")
    open_to_others = [
        path
        for path in own_box.state.rglob("*")
        if stat.S_IMODE(path.lstat().st_mode) & 0o077 and not path.is_symlink()
    ]
    assert open_to_others == []


def test_the_ca_stays_over_restarts(own_box: Box) -> None:
    ca = own_box.ca.read_bytes()
    server = (own_box.state / "tls" / "server.pem").read_bytes()
    own_box.terminate()
    own_box.start()
    assert own_box.ca.read_bytes() == ca
    assert (own_box.state / "tls" / "server.pem").read_bytes() == server


def test_systemd_hears_of_readiness_of_the_watchdog_and_of_the_end(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        name = tmp_path / "notify"
        manager.bind(str(name))
        manager.settimeout(20)
        environment = {"NOTIFY_SOCKET": str(name), "WATCHDOG_USEC": "400000"}
        with Box(tmp_path / "box", **environment) as box:
            heard = [manager.recv(100) for _ in range(5)]
            assert heard.count(b"READY=1") == heard.count(b"WATCHDOG_USEC=400000") == 1
            assert heard.count(b"WATCHDOG=1") == 3
            box.terminate()
            while heard[-1] != b"STOPPING=1":
                heard.append(manager.recv(100))


def test_who_comes_while_the_daemon_starts_again_is_not_refused(tmp_path: Path) -> None:
    """The ports are the service manager's; here the test is the service manager."""
    with Box(tmp_path / "box") as box:
        box.terminate()  # it has made its keys
        places = [("127.0.0.1", 0), *(("127.0.0.1", box.port(each)) for each in (25, 993))]
        held = [socket.create_server(place) for place in places]
        for _ in range(2):
            early = socket.create_connection(places[1], timeout=20)
            process = _under_manager(box, held)
            with early, socket.create_connection(places[2], timeout=20) as secure:
                assert early.recv(100).startswith(b"220 ")
                with box.tls().wrap_socket(secure, server_hostname="localhost") as line:
                    assert line.recv(100).startswith(b"* OK")
                process.terminate()
                assert process.wait(20) == 0
        for each in held:
            each.close()


def _under_manager(box: Box, held: list[socket.socket]) -> subprocess.Popen[bytes]:
    """Start the daemon with these sockets as sd_listen_fds(3) has them."""
    given = [fcntl.fcntl(each, fcntl.F_DUPFD, 100) for each in held]
    order = " ".join(f"{number}<&{each}" for number, each in enumerate(given, 3))
    start = f'export LISTEN_PID=$$ LISTEN_FDS={len(given)}; exec "$@" {order}'
    daemon = [*PILLARBOX, "run", "--state", str(box.state), "--simulate", "--bind", "127.0.0.1"]
    try:
        return subprocess.Popen(
            ["bash", "-c", start, "sh", *daemon, "--port-base", str(box.port_base)],
            pass_fds=given, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    finally:
        for each in given:
            os.close(each)


def test_systemd_expects_no_end_when_everything_is_to_be_brought_back(tmp_path: Path) -> None:
    """Else it would kill the same process after a while, which asks for drive and words then."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(20)
        box = Box(
            tmp_path / "box", NOTIFY_SOCKET=str(tmp_path / "notify"), WATCHDOG_USEC="60000000"
        )
        box.start()
        try:
            control.ask(box.state, "recover")
            heard: list[bytes] = []
            while heard.count(b"READY=1") < 2:
                heard.append(manager.recv(100))
            assert b"STOPPING=1" not in heard
            assert b"WATCHDOG_USEC=300000000\nWATCHDOG=1" in heard
        finally:
            box.__exit__(None, None, None)


def test_the_journal_of_systemd_gets_priorities(tmp_path: Path) -> None:
    with Box(tmp_path / "box", JOURNAL_STREAM="1:1") as box:
        assert "<6>pillarbox: ready\n" in box.log()


def test_everything_works_on_the_plain_loop_of_asyncio_as_well(tmp_path: Path) -> None:
    with Box(tmp_path / "box", PILLARBOX_LOOP="asyncio") as box:
        anna, ben = box.account("anna"), box.account("ben")
        message = letter("plain", anna.address, ben.address)
        client = smtplib.SMTP("localhost", box.port(587), timeout=10)
        with client:
            client.starttls(context=box.tls())
            client.login(anna.address, anna.password)
            client.sendmail(anna.address, [ben.address], message)
        wait_for_mail(box, ben, 1)
        with imap(box, ben) as reading, pop3(box, ben) as collecting:
            assert reading.select() == ("OK", [b"1"])
            assert collecting.stat()[0] == 1
        assert doors_open_to(box, anna) == {"imap", "pop3", "smtp"}


def test_connections_that_stay_open_do_not_hold_up_the_end(own_box: Box) -> None:
    open_ones = [
        socket.create_connection(("127.0.0.1", own_box.port(port)), timeout=5)
        for port in (25, 110, 143, 465, 587, 993, 995)
        for _ in range(3)
    ]
    begin = time.monotonic()
    assert own_box.terminate(seconds=5) == 0
    assert time.monotonic() - begin < 5
    for each in open_ones:
        each.close()


def test_it_starts_under_a_state_folder_with_a_very_long_name(tmp_path: Path) -> None:
    deep = tmp_path / ("deep" * 25) / ("deeper" * 20)
    with Box(deep) as box:
        assert box.cli("status")


def test_many_clients_at_once_are_all_served(own_box: Box) -> None:
    anna, ben = own_box.account("anna"), own_box.account("ben")
    failures: list[BaseException] = []

    def one(number: int) -> None:
        try:
            submit(own_box, anna, [ben.address], letter(f"c{number}", anna.address, ben.address))
        except (OSError, AssertionError, smtplib.SMTPException) as error:
            failures.append(error)

    threads = [threading.Thread(target=one, args=(n,)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failures == []
    wait_for_mail(own_box, ben, 20)


def test_its_output_going_away_does_not_end_it(own_box: Box) -> None:
    done = subprocess.run(
        f"{os.sys.executable} -m appliance --state {own_box.state} status --json | true",
        shell=True,
        capture_output=True,
        check=False,
        timeout=20,
    )
    assert b"Traceback" not in done.stderr
    wait_until(lambda: own_box.is_running, "the daemon still runs")
