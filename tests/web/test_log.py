"""The log on the page: what happened lately, found by words; and a ring that never grows."""

import logging
import re
import smtplib

import pytest

from appliance import log


def _ring(lines=5, characters=1000):
    ring = log.Ring(lines, characters)
    logger = logging.Logger("pillarbox.test", logging.DEBUG)
    logger.addHandler(ring)
    return ring, logger


def test_the_ring_keeps_so_many_lines_and_so_many_characters_and_never_more():
    ring, logger = _ring()
    for number in range(50):
        logger.info("line %d", number)
    assert [each.text for each in ring.newest(0, "", 99)][:2] == ["test: line 49", "test: line 48"]
    assert len(ring.newest(0, "", 99)) == 5
    for _ in range(50):
        logger.info("x" * 400)
    assert sum(len(each.text) for each in ring.newest(0, "", 99)) <= 1000


def test_lines_are_found_by_level_and_by_all_the_words():
    ring, logger = _ring()
    logger.debug("small talk")
    logger.info("logged in", extra={"account": "anna@office.test"})
    logger.warning("Wrong password", extra={"account": "ben@office.test"})
    try:
        int("ours")
    except ValueError:
        logger.exception("a bug")
    assert len(ring.newest(logging.WARNING, "", 9)) == 2
    (found,) = ring.newest(logging.DEBUG, "ACCOUNT=ben password", 9)
    assert found.level == logging.WARNING
    assert ring.newest(0, "anna wrong", 9) == []
    assert "ValueError: invalid" in ring.newest(logging.ERROR, "", 9)[0].text
    assert len(ring.newest(0, "", 2)) == 2


def test_a_bad_call_of_logging_ends_nothing(capsys):
    ring, logger = _ring()
    logger.info("%d apples", "some")
    logger.info("then this")
    assert ring.newest(0, "", 9)[0].text == "test: then this"
    capsys.readouterr()


def test_what_is_worth_knowing_is_there_after_a_restart(tmp_path):
    ring, logger = _ring()
    logger.info("nothing much")
    logger.warning("the disk is hot")
    ring.keep(tmp_path / "log")
    written = (tmp_path / "log").stat().st_ino
    ring.keep(tmp_path / "log")
    assert (tmp_path / "log").stat().st_ino == written, "nothing new, so nothing is written"
    with (tmp_path / "log").open("a") as file:
        file.write('torn {"at"\n{"at": 1}\n[]\n')
    again, logger = _ring()
    again.recall(tmp_path / "log")
    logger.info("ready")
    assert [each.text for each in again.newest(0, "", 9)] == [
        "test: ready",
        "test: the disk is hot",
    ]
    again.recall(tmp_path / "missing")


@pytest.fixture
def knocked(office):
    """Somebody has tried a wrong password."""
    with smtplib.SMTP_SSL("localhost", office.port(465), context=office.tls()) as client:
        with pytest.raises(smtplib.SMTPAuthenticationError):
            client.login("ben@office.test", "not-my-password-<b>")


def test_a_failed_login_is_found_by_words_newest_first(knocked, owner):
    page = owner.get("/log?words=smtp+LOGIN+failed&level=warning")
    assert page.says("login: login failed peer=127.0.0.1 service=smtp")
    assert "not-my-password" not in page.text
    times = [each["at"] for each in owner.api("GET", "/log").json]
    assert times == sorted(times, reverse=True)
    assert owner.get("/log?words=nobody-was-called-this").says("Nothing that fits.")
    assert owner.get("/log?level=error&words=ready").says("Nothing that fits.")
    assert owner.get("/log?level=everything&words=%00").status == 200


def test_it_comes_as_a_text_file_in_the_order_of_time(knocked, owner):
    answer = owner.get("/log.txt?words=failed")
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert re.search(
        r'filename="pillarbox-log-\d{4}-\d\d-\d\d.txt"', answer.headers["Content-Disposition"]
    )
    lines = owner.get("/log.txt").text.splitlines()
    stamped = [
        each
        for each in lines
        if re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d \w+ ", each)
    ]
    assert any(each.endswith("pillarbox: ready") for each in stamped)
    times = [each.partition(" ")[0] for each in stamped]
    assert times == sorted(times)


def test_only_owners_read_it(helper, user):
    for reader in (helper, user):
        assert reader.get("/log").status == 403
        assert reader.get("/log.txt").status == 403
        assert reader.api("GET", "/log").status == 403
