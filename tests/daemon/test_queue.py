"""Mail for the world waits: no way out is set up in this version, and nothing is lost by that."""

from __future__ import annotations

import json
import re

from tests.support.box import Box
from tests.support.mail import letter, submit, wait_for_mail, without_trace

WHY = "No way out is set up yet."


def waiting(box: Box) -> list[dict[str, object]]:
    found = json.loads(box.cli("queue", "list", "--json"))
    assert isinstance(found, list)
    return found


def send_outside(box: Box, *recipients: str, name: str = "offer") -> str:
    """Anna writes; the queue id under which the message waits."""
    before = {row["id"] for row in waiting(box)}
    anna = box.account("anna")
    submit(box, anna, recipients, letter(name, anna.address, recipients[0]))
    (new,) = [row for row in waiting(box) if row["id"] not in before]
    return str(new["id"])


def test_mail_for_outside_waits_with_the_reason_also_across_a_restart(own_box: Box) -> None:
    identity = send_outside(own_box, "eve@example.org", "mallory@example.net")

    def told() -> None:
        (row,) = waiting(own_box)
        assert row["sender"] == "anna@office.test"
        assert (row["waiting"], row["recipients"], row["reason"]) == (2, 2, WHY)
        line = own_box.cli("queue", "list")
        assert re.fullmatch(rf"{identity}  \S+ \S+  \S+  anna@\S+  2 of 2 wait  {WHY}\n", line)
        details = json.loads(own_box.cli("queue", "show", identity, "--json"))
        assert [each["address"] for each in details["recipients"]] == [
            "eve@example.org",
            "mallory@example.net",
        ]
        assert {each["reason"] for each in details["recipients"]} == {WHY}
        assert own_box.cli("queue", "show", identity).count(WHY) == 2

    told()
    own_box.terminate()
    told()  # the command line looks for itself while no daemon runs
    own_box.start()
    told()
    own_box.kill()
    own_box.start()
    told()


def test_who_is_here_gets_it_and_who_is_not_waits(own_box: Box) -> None:
    ben = own_box.account("ben")
    send_outside(own_box, ben.address, "eve@example.org")
    wait_for_mail(own_box, ben, 1)
    (row,) = waiting(own_box)
    assert (row["waiting"], row["recipients"]) == (1, 2)


def test_retry_tries_one_or_all(own_box: Box) -> None:
    first = send_outside(own_box, "eve@example.org")
    send_outside(own_box, "eve@example.org", name="second")
    assert own_box.cli("queue", "retry", first) == "1 messages are tried now.\n"
    assert own_box.cli("queue", "retry") == "2 messages are tried now.\n"
    assert {row["reason"] for row in waiting(own_box)} == {WHY}


def test_delete_takes_one_out_for_ever(own_box: Box) -> None:
    first = send_outside(own_box, "eve@example.org")
    second = send_outside(own_box, "eve@example.org", name="second")
    assert own_box.cli("queue", "delete", first) == ""
    assert [row["id"] for row in waiting(own_box)] == [second]
    own_box.kill()
    own_box.start()
    assert [row["id"] for row in waiting(own_box)] == [second]
    assert not (own_box.mail / "queue" / f"{first}.eml").exists()


def test_delete_with_bounce_tells_the_sender(own_box: Box) -> None:
    identity = send_outside(own_box, "eve@example.org")
    own_box.cli("queue", "delete", identity, "--bounce")
    (report,) = wait_for_mail(own_box, own_box.account("anna"), 1)
    assert report.startswith(b"Return-Path: <>\r\n")
    assert b"eve@example.org" in report
    assert b"It was taken out of the queue by the administrator." in report
    assert b"Content-Type: multipart/report" in report
    assert b"<offer@example.org>" in report
    assert waiting(own_box) == []


def test_an_unknown_message_gets_a_sentence(own_box: Box) -> None:
    for act in ("show", "retry", "delete"):
        done = own_box.try_cli("queue", act, "Qnothere")
        assert done.returncode == 1
        assert done.stdout == ""
        assert re.fullmatch(r"[A-Z][^\n]*Qnothere[^\n]*\.\n", done.stderr), done.stderr


def test_local_mail_does_not_stay_in_the_queue(own_box: Box) -> None:
    anna, ben = own_box.account("anna"), own_box.account("ben")
    message = letter("one", anna.address, ben.address)
    submit(own_box, anna, [ben.address], message)
    assert [*map(without_trace, wait_for_mail(own_box, ben, 1))] == [message]
    assert own_box.cli("queue", "list") == "Nothing waits.\n"
    assert waiting(own_box) == []
