"""A disk that is really full: a small file system of its own holds the mail.

Everything acknowledged stays, reading and deleting work, refusals are temporary and in words, and
mail is taken again as soon as there is room, without a restart.
"""

import contextlib
import imaplib
import os
import smtplib
import subprocess
import threading

import pytest

from tests.support.box import Box, wait_until
from tests.support.mail import submit, wait_for_mail
from tests.torture.load import TOKEN, letter

SETTINGS = """
[storage]
reserve_mib = {reserve}
[smtp]
greeting_delay_ms = 0
"""


def memory(_tmp_path):
    """What to mount: 12 MiB of memory."""
    return ["-t", "tmpfs", "-o", "size=12m,mode=700", "tmpfs"]


def image(tmp_path):
    """What to mount: an image with ext4, which finds out late that it has no room."""
    return ext4(tmp_path, 16)


def ext4(tmp_path, mib):
    path = tmp_path / "mail.img"
    with path.open("wb") as file:
        file.truncate(mib << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "0", path], check=True)
    return ["-o", "loop", path]


@contextlib.contextmanager
def mounted(what, place):
    """Mounting needs root, as CI gives it."""
    place.mkdir(mode=0o700, exist_ok=True)
    root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    subprocess.run([*root, "mount", *what, place], check=True)
    try:
        place.chmod(0o700)
        yield
    finally:
        subprocess.run([*root, "umount", "-l", place], check=True)


@contextlib.contextmanager
def small_disk(tmp_path, reserve, made=memory):
    """A running box with a small disk for its mail."""
    box = Box(tmp_path, settings=SETTINGS.format(reserve=reserve))
    with mounted(made(tmp_path), box.mail), box:
        yield box


def big_letter(token):
    return letter(token) + b"x" * 70 + b"\r\n" + (b"y" * 76 + b"\r\n") * 5000  # about 390 kB


def fill(box, person):
    """Send until refused; the tokens that were accepted, and the refusal."""
    accepted = []
    with smtplib.SMTP("127.0.0.1", box.port(25), timeout=20) as client:
        for number in range(200):
            token = f"fill-{number}"
            try:
                client.sendmail("x@else.test", [person.address], big_letter(token))
            except smtplib.SMTPResponseException as refusal:
                return accepted, (refusal.smtp_code, refusal.smtp_error)
            accepted.append(token)
    raise AssertionError("the disk is never full")


def tokens(client, mailbox="INBOX"):
    client.select(mailbox)
    data = client.uid("FETCH", "1:*", "(BODY.PEEK[HEADER.FIELDS (X-Token)])")[1]
    found = [TOKEN.search(b"\r\n" + part[1]) for part in data or () if isinstance(part, tuple)]
    return sorted(match[1].decode() for match in found if match)


def log_in(box, person):
    client = imaplib.IMAP4("127.0.0.1", box.port(143), timeout=20)
    client.login(person.address, person.password)
    return client


@pytest.mark.parametrize(("reserve", "made"), [(0, memory), (2, memory), (0, image), (2, image)])
def test_a_full_disk_refuses_in_words_keeps_everything_and_recovers(tmp_path, reserve, made):
    with small_disk(tmp_path, reserve, made) as box:
        anna = box.account("anna")
        accepted, refusal = fill(box, anna)
        assert refusal[0] == 452
        assert b"4.3.1" in refusal[1]
        assert len(accepted) > 10

        client = log_in(box, anna)
        assert tokens(client) == sorted(accepted)
        status, said = client.append("Archive", "", None, big_letter("appended"))
        while status == "OK":  # the reserve is for what people do themselves
            status, said = client.append("Archive", "", None, big_letter("appended"))
        assert status == "NO"
        assert said[0].startswith((b"[OVERQUOTA]", b"[LIMIT]", b"[UNAVAILABLE]"))
        client.select("INBOX")
        status, said = client.uid("STORE", "1:3", "+FLAGS", "(\\Flagged)")
        assert status in ("OK", "NO"), said
        assert client.noop()[0] == "OK"
        assert client.uid("FETCH", "1", "(BODY.PEEK[])")[0] == "OK"

        assert client.uid("STORE", "1:8", "+FLAGS.SILENT", "(\\Deleted)")[0] == "OK"
        assert client.expunge()[0] == "OK"
        left = tokens(client)
        assert len(left) == len(accepted) - 8
        again = None
        with smtplib.SMTP("127.0.0.1", box.port(25), timeout=20) as sender:
            for _ in range(50):  # the watch looks once a second
                try:
                    again = sender.sendmail("x@else.test", [anna.address], letter("again"))
                    break
                except smtplib.SMTPResponseException:
                    client.noop()

                    threading.Event().wait(0.1)
        assert again == {}

        box.terminate()
        box.start()
        client = log_in(box, anna)
        assert tokens(client) == sorted([*left, "again"])


def test_a_disk_that_fills_within_a_message_refuses_that_message_and_goes_on(tmp_path):
    with small_disk(tmp_path, 0) as box:
        anna = box.account("anna")
        too_much = letter("large") + (b"z" * 76 + b"\r\n") * 200_000  # 15 MB on 12 MiB
        with smtplib.SMTP("127.0.0.1", box.port(25), timeout=30) as client:
            with pytest.raises(smtplib.SMTPDataError) as refusal:
                client.sendmail("x@else.test", [anna.address], too_much)
            assert refusal.value.smtp_code == 452
            client.sendmail("x@else.test", [anna.address], letter("small"))
        client = log_in(box, anna)
        for _ in range(50):
            if tokens(client):
                break
        assert tokens(client) == ["small"]


@pytest.mark.parametrize("what", ["mail", "state"])
def test_a_box_that_starts_with_a_disk_full_to_its_last_block(tmp_path, what):
    """Whoever filled it: mail can be read and deleted, and so there is room again."""
    settings = SETTINGS.format(reserve=64)
    box = Box(tmp_path / "box", settings=settings)
    place = box.mail if what == "mail" else box.state
    with mounted(ext4(tmp_path, 128), place):
        (box.state / "settings.toml").write_text(settings)
        with box:
            anna = box.account("anna")
            submit(box, anna, [anna.address], letter("one"), letter("two"))
            wait_for_mail(box, anna, 2)
            box.terminate()
            (place / "other").write_bytes(bytes(os.statvfs(place).f_bavail * 1024 - (1 << 20)))
            with contextlib.suppress(OSError), (place / "other").open("ab", buffering=0) as other:
                while True:
                    other.write(bytes(512))
            box.start()
            wait_until(lambda: "The mail disk has only" in box.cli("status"), "it says so")
            client = log_in(box, anna)
            client.select("INBOX")
            assert client.uid("STORE", "1", "+FLAGS", "(\\Deleted)")[0] == "OK"
            assert client.expunge() == ("OK", [b"1"])
            box.terminate()
            box.start()
            assert log_in(box, anna).select("INBOX")[1] == [b"1"]
