"""Automatic answers by the running box: once each, never in a circle, lost rather than doubled."""

import email
import email.policy
import smtplib
import time

import pytest

from tests.support.box import Box, wait_until


def letters(box, person):
    """What is in somebody's INBOX."""
    home = box.maildir(person)
    paths = [*home.glob("new/*"), *home.glob("cur/*")]
    return [
        email.message_from_bytes(path.read_bytes(), policy=email.policy.default) for path in paths
    ]


def answers(box, person):
    return [each for each in letters(box, person) if each["Auto-Submitted"] == "auto-replied"]


def write(box, sender, to, subject="Offer", more=""):
    with smtplib.SMTP("127.0.0.1", box.port(25)) as door:
        text = f"From: {sender}\r\nTo: {to}\r\nSubject: {subject}\r\n{more}\r\nHello\r\n"
        door.sendmail(sender, [to], text)


def post(box, who, to, subject="Offer"):
    """The same by somebody of the house, logged in."""
    with smtplib.SMTP_SSL("localhost", box.port(465), context=box.tls()) as door:
        door.login(who.address, who.password)
        text = f"From: {who.address}\r\nTo: {to}\r\nSubject: {subject}\r\n\r\nHello\r\n"
        door.sendmail(who.address, [to], text)


def test_a_colleague_is_answered_once_with_the_text_for_colleagues(box):
    away, ben = box.person("away"), box.person("colleague")
    box.cli("domain", "dkim", "office.test", "rotate")
    box.cli("domain", "dkim", "office.test", "use")
    box.cli("account", "answer", "on", away.address, "--inside", "Am See", stdin="Not here")
    post(box, ben, away.address)
    wait_until(lambda: answers(box, ben), "the answer is there")
    post(box, ben, away.address, "Again")
    wait_until(lambda: "had one within a week" in box.log(), "the second one is decided")
    (answer,) = answers(box, ben)
    assert answer.get_content().strip() == "Am See"
    assert answer["Subject"] == "Auto: Offer"
    assert answer["From"] == away.address
    assert answer["Return-Path"] == "<>"
    assert "DKIM-Signature" in answer
    told = box.cli("trace", "--to", away.address)
    assert "answered automatically" in told


def test_off_and_outside_its_days_nothing_is_answered(box):
    early, late, off, on = (box.person(each) for each in ("early", "late", "off", "on"))
    ben = box.person("colleague")
    box.cli("account", "answer", "on", early.address, "--from", "2099-01-01", stdin="Not here")
    box.cli("account", "answer", "on", late.address, "--until", "2020-01-01", stdin="Not here")
    for each in (off, on):
        box.cli("account", "answer", "on", each.address, stdin="Not here")
    box.cli("account", "answer", "off", off.address)
    for each in (early, late, off):
        post(box, ben, each.address)
        wait_until(lambda each=each: letters(box, each), "it is there")
    post(box, ben, on.address)
    wait_until(lambda: answers(box, ben), "the answer is there")
    assert [each["From"] for each in answers(box, ben)] == [on.address]
    assert "Not here" in box.cli("account", "answer", "show", off.address)


def test_an_answer_that_makes_no_sense_is_refused_in_words(box):
    away = box.person("away").address
    done = box.try_cli("account", "answer", "on", away, "--from", "soon", stdin="x")
    assert done.returncode != 0
    assert "is no day" in done.stderr
    assert box.try_cli("account", "answer", "on", away, stdin="").returncode != 0


def test_after_a_kill_nobody_is_answered_twice(own_box):
    box = own_box
    away, ben = box.account("anna"), box.account("ben")
    box.cli("account", "answer", "on", away.address, stdin="Not here")
    post(box, ben, away.address)
    wait_until(lambda: answers(box, ben), "the answer is there")
    box.kill()
    box.start()
    post(box, ben, away.address, "After")
    wait_until(lambda: "had one within a week" in box.log_of_this_run(), "it is decided")
    assert len(answers(box, ben)) == 1


@pytest.fixture
def two(tmp_path):
    """Two boxes of two offices that know the way to each other."""
    with Box(tmp_path / "here") as here, Box(tmp_path / "there") as there:
        there.cli("domain", "add", "other.test")
        there.cli("account", "add", "eve@other.test", "--password-stdin", stdin="correct horse e")
        for each in ("anna@office.test", "ben@office.test"):
            there.cli("account", "remove", each)
        there.cli("domain", "remove", "office.test")
        for box, peer in ((here, there), (there, here)):
            where = ("127.0.0.1", "--port", str(peer.port(25)), "--tls", "none")
            box.cli("relay", "add", "peer", *where)
            box.cli("relay", "default", "peer")
        yield here, there


def test_two_boxes_answer_each_other_once_and_stop(two):
    here, there = two
    here.cli("account", "answer", "on", "anna@office.test", stdin="Anna is away")
    there.cli("account", "answer", "on", "eve@other.test", stdin="Eve is away")
    write(there, "anna@office.test", "eve@other.test", "Hello")
    wait_until(lambda: letters(here, "anna"), "Eve's answer is with Anna", seconds=20)
    write(here, "eve@other.test", "anna@office.test", "Hello")
    eve = there.mail / "people" / "eve@other.test"
    wait_until(lambda: len([*eve.glob("new/*")]) == 2, "Anna's answer is with Eve", seconds=20)
    time.sleep(1.5)  # longer than an answer takes
    assert len(letters(here, "anna")) == 2  # Eve's answer, and what Eve wrote
    assert len([*eve.glob("new/*")]) == 2
    assert "not answered" in here.log()
    assert "not answered" in there.log()
