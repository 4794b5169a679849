"""A stolen password cannot send ten thousand messages; a scanner needs no password at all."""

from __future__ import annotations

import base64
import smtplib
import time
from pathlib import Path

import pytest

from appliance.accounts.allowance import DAY, HOUR, Allowance, Device, Limits
from appliance.accounts.login import Login
from appliance.accounts.passing import Passing
from appliance.post.sending import kept
from appliance.queue.envelope import Recipient
from tests.smtp.postoffice import Client, PostOffice
from tests.support.box import Box, wait_until
from tests.support.mail import letter, stored_messages, wait_for_mail
from tests.web.browser import Reader

ANNA = Login("anna@office.test")


def test_who_goes_over_the_hour_is_frozen_until_thawed() -> None:
    allowance = Allowance(Limits(per_hour=10, per_day=100))
    assert [allowance.count(ANNA, 5, now) for now in (0, 60)] == ["", ""]
    assert allowance.count(ANNA, 1, 120) == "anna@office.test"
    assert "stopped" in allowance.refusal(ANNA)
    assert allowance.refusal(Login("ben@office.test")) == ""
    allowance.change([], {})
    assert allowance.refusal(ANNA) == ""
    assert allowance.count(ANNA, 10, 130) == ""


def test_what_was_sent_long_ago_does_not_count() -> None:
    allowance = Allowance(Limits(per_hour=10, per_day=25))
    assert allowance.count(ANNA, 10, 0) == ""
    assert allowance.count(ANNA, 10, HOUR + 1) == ""
    assert allowance.count(ANNA, 10, 2 * HOUR + 2) == "anna@office.test"
    allowance.change([], {})
    assert allowance.count(ANNA, 10, DAY * 2) == ""


def test_mail_within_the_office_does_not_count() -> None:
    allowance = Allowance(Limits(per_hour=1))
    assert [allowance.count(ANNA, 0, 0) for _ in range(100)] == [""] * 100


def test_one_stolen_app_password_does_not_stop_the_other_devices() -> None:
    allowance = Allowance(Limits(per_hour=10))
    phone, desk = Login(ANNA.address, device="phone"), Login(ANNA.address, device="desk")
    assert allowance.count(phone, 11, 0) == "anna@office.test/phone"
    assert allowance.refusal(phone)
    assert not allowance.refusal(desk)
    assert allowance.count(desk, 5, 0) == ""


def test_a_device_has_its_own_limit() -> None:
    allowance = Allowance(Limits(per_hour=1))
    allowance.change([Device("scanner", "192.168.1.9", ANNA.address, 3)], {})
    scanner = Login(ANNA.address, device="device:scanner")
    assert allowance.count(scanner, 3, 0) == ""
    assert allowance.count(scanner, 1, 0) == "device:scanner"
    assert not allowance.refusal(ANNA)


@pytest.fixture
def strict(tmp_path: Path):
    with Box(tmp_path, settings="[sending]\nrecipients_per_hour = 20\n") as box:
        yield box


def test_a_stolen_password_is_stopped_and_the_owner_told(strict: Box) -> None:
    box, owner, ben = strict, strict.account("anna"), strict.account("ben")

    def sends(client: smtplib.SMTP, number: int) -> int:
        recipients = [f"r{n}@far.test" for n in range(5)]
        content = letter(f"spam{number}", ben.address, "you")
        try:
            client.sendmail(ben.address, recipients, content)
        except smtplib.SMTPDataError as error:
            return error.smtp_code
        except smtplib.SMTPSenderRefused as error:
            return error.smtp_code
        return 250

    with smtplib.SMTP_SSL("127.0.0.1", box.port(465), context=box.tls()) as client:
        client.login(ben.address, ben.password)
        said = [sends(client, number) for number in range(8)]
    assert said == [250] * 4 + [550] * 4
    (alert,) = wait_for_mail(box, owner, 1)
    assert b"Subject: ben@office.test has been stopped" in alert
    assert b"4 messages that were waiting are held" in alert
    assert "ben@office.test may send nothing any more" in box.cli("status")
    wait_until(lambda: box.cli("queue", "list").count("sent too much") == 4, "they are held")

    box.terminate()
    box.start()
    assert "ben@office.test may send nothing any more" in box.cli("status")
    box.cli("account", "thaw", ben.address)
    assert "may send nothing" not in box.cli("status")
    with smtplib.SMTP_SSL("127.0.0.1", box.port(465), context=box.tls()) as client:
        client.login(ben.address, ben.password)
        assert sends(client, 9) == 250
    assert box.try_cli("account", "thaw", ben.address).returncode == 1


def test_a_restart_does_not_begin_the_count_anew(strict: Box) -> None:
    box, ben = strict, strict.account("ben")

    def sends() -> int:
        with smtplib.SMTP_SSL("127.0.0.1", box.port(465), context=box.tls()) as client:
            client.login(ben.address, ben.password)
            try:
                client.sendmail(ben.address, [f"r{n}@far.test" for n in range(8)],
                                letter("spam", ben.address, "you"))  # fmt: skip
            except smtplib.SMTPDataError as error:
                return error.smtp_code
        return 250

    assert sends() == 250
    box.terminate()
    box.start()
    assert sends() == 250
    time.sleep(6)  # what is counted is written every five seconds
    box.kill()
    box.start()
    assert sends() == 550
    box.cli("account", "thaw", ben.address)
    box.terminate()
    box.start()
    assert sends() == 250


def test_a_scanner_sends_by_its_address_in_its_accounts_name(box: Box) -> None:
    anna, ben = box.person("anna"), box.person("ben")
    box.cli("device", "add", "scanner", "127.0.0.9", "--account", anna.address)
    try:
        with smtplib.SMTP(
            "127.0.0.1", box.port(587), source_address=("127.0.0.9", 0), timeout=10
        ) as client:
            client.sendmail(anna.address, [ben.address], letter("scan", anna.address, ben.address))
            with pytest.raises(smtplib.SMTPSenderRefused):
                client.sendmail(ben.address, [anna.address], b"x")
        wait_until(lambda: len(stored_messages(box, ben)) == 1, "it arrives")
        with (
            smtplib.SMTP("127.0.0.1", box.port(587), timeout=10) as other,
            pytest.raises(smtplib.SMTPSenderRefused),
        ):
            other.sendmail(anna.address, [ben.address], b"x")
    finally:
        box.cli("device", "remove", "scanner")
    assert box.try_cli("device", "add", "far", "8.8.8.8", "--account", anna.address).returncode == 1


def test_only_a_device_of_the_office_logs_in_without_tls(office: PostOffice) -> None:
    """An old scanner knows AUTH LOGIN and no TLS; at this door nobody else may do that."""
    words = [base64.b64encode(each).decode() for each in (b"ben@office.test", b"correct horse")]
    with Client(office.tls_only) as client:
        client.ask("EHLO scanner")
        assert client.ask("AUTH LOGIN").startswith("538 5.7.11")
    office.allowance.change([Device("scanner", "127.0.0.1", "ben@office.test", 30)], {})
    try:
        with Client(office.tls_only) as client:
            client.ask("EHLO scanner")
            assert client.ask("AUTH LOGIN").startswith("334")
            assert client.ask(words[0]).startswith("334")
            assert client.ask(words[1]) == "235 2.7.0 Logged in."
            assert client.ask("MAIL FROM:<ben@office.test>").startswith("250")
    finally:
        office.allowance.change([], {})


# --- mail that is passed on


def test_what_an_account_passes_on_is_bounded_by_the_hour() -> None:
    passing = Passing(per_hour=3)
    assert [passing.take(ANNA.address, 1, now) for now in (0, 61, 122, 183)] == [True] * 3 + [False]
    assert passing.take("ben@office.test", 3, 183)
    assert passing.eased(200) == []
    assert not passing.take(ANNA.address, 1, HOUR - 1)
    assert passing.eased(HOUR) == [ANNA.address]
    assert passing.take(ANNA.address, 1, HOUR)
    assert passing.eased(HOUR) == []


def test_what_was_passed_on_is_known_after_a_restart() -> None:
    before, after = Passing(per_hour=3), Passing(per_hour=3)
    before.take(ANNA.address, 2, 10)
    after.remember(before.changed())
    assert before.changed() == []
    assert after.within_the_hour(ANNA.address, 20) == 2
    assert not after.take(ANNA.address, 2, 20)


def test_what_is_not_passed_on_is_in_the_mailbox_once() -> None:
    named = "team@office.test"
    out = Recipient("a@else.test", is_local=False, named=named, passed_on_by=ANNA.address)
    here = Recipient(ANNA.address, is_local=True, named=named)
    other = Recipient("b@else.test", is_local=False, named=named, passed_on_by="ben@office.test")
    for recipients in ((out, other), (out, here, other), (here, out, other)):
        found = kept(recipients, {ANNA.address})
        assert [each.address for each in found] == [ANNA.address, other.address]
        assert found[0].is_local
        assert found[0].passed_on_by == ANNA.address
    assert kept((out, here, other), set()) == (out, here, other)


def test_mail_beyond_the_limit_stays_in_the_mailbox_and_it_is_said(tmp_path: Path) -> None:
    with Box(tmp_path, settings="[sending]\npassed_on_per_hour = 2\n") as box:
        anna = box.account("anna")
        box.cli("account", "forward", anna.address, "anna@far.test", "--no-copy")
        with smtplib.SMTP("127.0.0.1", box.port(25), timeout=20) as client:
            for number in range(4):
                content = letter(f"flood{number}", "joe@else.test", anna.address)
                client.sendmail("joe@else.test", [anna.address], content)
        assert len(wait_for_mail(box, anna, 2)) == 2
        assert box.cli("queue", "list").count("1 of 1 wait") == 2
        said = "The mail of anna@office.test was passed on 2 times within an hour; more of it stays"
        assert said in box.cli("status")
        traced = lambda: box.cli("trace", "--to", anna.address)  # noqa: E731 - one line
        wait_until(lambda: traced().count("kept") == 2, "the trace tells")
        assert "more was within an hour than the limit allows" in traced()
        reader = Reader(box)
        assert reader.log_in(anna.address, anna.password).status == 200
        assert reader.get("/me").says("what comes now stays in the mailbox here")
        assert reader.api("GET", "/me/forward").json["is_stopped"] is True
