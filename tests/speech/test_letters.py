"""Letters of the box in the office's language."""

import email
import email.policy
from pathlib import Path

import pytest

from appliance.backup import key, letter, sheet
from appliance.conditions import Condition, Severity
from appliance.devices import apple
from appliance.devices import sheet as start_sheet
from appliance.devices.service import Services
from appliance.fetch import notice as too_large
from appliance.fetch.source import Kind, Source
from appliance.health import notice, report
from appliance.health.facts import Disk, Facts
from appliance.post import sending
from appliance.queue import dsn
from appliance.queue.dsn import Action, Author, Outcome
from appliance.queue.envelope import Envelope, Recipient
from appliance.speech.voice import Voice
from tests.support.english import english_in

GERMAN = Voice("", "de")
OUTCOMES = (
    Outcome(
        Recipient("x@else.test", is_local=False),
        "5.1.1",
        "It was tried for five days. The other server says that nobody has this address.",
        "mx.else.test [192.0.2.1]",
        "550 5.1.1 No such user",
    ),
)


def _report(action, voice):
    return dsn.report(
        Envelope("anna@office.test", (OUTCOMES[0].recipient,), 1000.0),
        action,
        OUTCOMES,
        original=b"Subject: s\r\n\r\nbody\r\n",
        by=Author("mx.office.test", voice.say),
        now=2000.0,
    )


@pytest.mark.parametrize("action", Action)
def test_a_report_to_the_sender_is_german_for_people_and_the_same_for_programs(action):
    made = _report(action, GERMAN)
    message = email.message_from_bytes(made, policy=email.policy.default)
    assert message["Subject"].startswith("Ihre Nachricht ")
    assert message["From"].addresses[0].display_name == "Postzustellung"
    assert (message["Auto-Submitted"], message.get_content_type()) == (
        "auto-replied",
        "multipart/report",
    )
    assert message.get_content_type() == "multipart/report"
    assert message.get_param("report-type") == "delivery-status"
    assert not message.defects
    words, fields, _ = message.iter_parts()
    said = words.get_content().replace("550 5.1.1 No such user", "")
    assert "Fünf Tage lang" in said
    assert "Der Server mx.else.test [192.0.2.1] sagte:" in said
    assert english_in(said) == []
    english = email.message_from_bytes(_report(action, Voice()), policy=email.policy.default)
    assert fields.as_string() == list(english.iter_parts())[1].as_string()


@pytest.mark.parametrize("code", ["de", "ar"])
def test_a_report_goes_over_servers_that_take_ascii_only(code):
    made = _report(Action.FAILED, Voice("", code))
    assert made.isascii()
    assert max(map(len, made.split(b"\r\n"))) <= 998
    assert b"\n" not in made.replace(b"\r\n", b"")


def test_alerts_are_german():
    conditions = [
        Condition("a", Severity.FAULT, "The mail disk is missing.", "Plug it in again.", 0.0),
        Condition(
            "b",
            Severity.ATTENTION,
            "The mail disk is almost full (93 %). At this rate it is full within a week.",
            "Delete mail that nobody needs, or move to a larger disk. Do it today.",
            0.0,
        ),
    ]
    made = notice.make("box.office.test", 0.0, conditions[1:], [])
    assert english_in(GERMAN.say(made.subject)) == []
    assert GERMAN.say(made.text) == (
        "Die Mail-Festplatte ist fast voll (93 %). So ist sie binnen einer Woche voll.\n"
        "Löschen Sie Post, die niemand braucht, oder ziehen Sie auf eine größere Festplatte um. "
        "Tun Sie es heute.\n"
    )
    both = notice.make("box.office.test", 0.0, conditions, [])
    assert GERMAN.say(both.subject) == "box.office.test: 2 Dinge brauchen Sie"
    body, headers = notice.for_ntfy(made, GERMAN.say)
    assert "Tun Sie es heute." in body.decode()
    assert headers["Title"].isascii()
    test = notice.Notice("box", 0.0, is_test=True)
    assert english_in(GERMAN.say(test.subject + "\n" + test.text)) == []


def test_the_weekly_report_is_german():
    facts = Facts(disks=(Disk("mail", "The mail disk", 60 * 2**30, 40 * 2**30, 0, 0),))
    standing = (Condition("c", Severity.ATTENTION, "No time server sets the clock.", "", 0.0),)
    week = report.Week(1, 2, 3, (("anna@office.test", 3 * 2**29),), 80_000.0, standing)
    said = GERMAN.say(report.written(week, facts, 4 * 86_400.0))
    assert english_in(said) == []
    assert "  anna@office.test: 1,5 GB" in said
    assert (
        "Die letzte Sicherung, die zurückgelesen und für gut befunden wurde: vor 3 Tagen." in said
    )
    assert "- Kein Zeitserver stellt die Uhr." in said
    assert "Die Mail-Festplatte: 60 % voll, 40,0 GB frei." in said


@pytest.mark.parametrize("read", [0, 5 * 2**20, 2**30])
def test_the_letter_about_a_backup_is_german(read):
    details = {
        "read_octets": read,
        "repository_octets": 2**30,
        "messages_compared": 1200,
        "octets_compared": 2**20,
        "messages": 20_000,
        "accounts": 7,
        "given_up": 2,
    }
    told = {
        "outcome": "proven",
        "sentence": "20,000 messages of 7 people are safe on drive A; 1,200 of them and all "
        "settings were restored and compared.",
        "details": details,
    }
    subject, text = letter.written(told, "drive A", "box.office.test")
    assert GERMAN.say(subject) == "box.office.test: Die Sicherung auf Laufwerk A ist geprüft"
    assert english_in(GERMAN.say(text)) == []
    assert "20.000 Nachrichten von 7 Personen sind sicher auf Laufwerk A" in GERMAN.say(text)
    failed = {"outcome": "failed", "sentence": "There is no backup on drive A.", "trouble": "lost"}
    assert english_in(GERMAN.say("\n".join(letter.written(failed, "drive A", "box")))) == []


def test_the_letter_about_somebody_who_is_stopped_is_german():
    text = sending._TEXT.format(
        who="anna@office.test",
        reason="501 recipients within an hour",
        held=3,
        account="anna@office.test",
        thaw="anna@office.test",
    )
    said = GERMAN.say(text)
    assert english_in(said) == []
    assert "501 Empfänger in einer Stunde" in said
    assert "    pillarbox account thaw anna@office.test" in said


def test_the_letter_about_a_message_that_is_too_large_is_german():
    source = Source(
        "provider", Kind.IMAP, "imap.example.org", 993, "office@example.org", "a@office.test"
    )
    header = b"From: a@b.test\r\nSubject: The mail disk\r\n\r\n"
    made = too_large.too_large(source, header, 2**26, 0.0, GERMAN.say)
    message = email.message_from_bytes(made, policy=email.policy.default)
    assert message["Subject"] == "Eine Nachricht ist zu groß zum Abholen"
    said = message.get_content()
    assert "die Grenze ist" in said
    assert english_in(said) == []


def test_sheets_are_german():
    words = start_sheet.in_language(GERMAN.say_on_paper)
    said = [
        words.title,
        words.password_hint,
        words.code,
        words.port,
        words.made,
        words.alternatively,
    ]
    said += [step for chapter in words.chapters for step in chapter.steps]
    assert english_in("\n".join(said)) == []
    assert words.title == "Ihre Post bei {office}"
    assert words.day == "%d.%m.%Y"
    assert all("{address}" in each for each in said if "Geben Sie" in each)
    text = sheet.text(key.make(), "box.office.test", 1_795_000_000.0, GERMAN.say)
    assert text.startswith("Notfallblatt von box.office.test, 18.11.2026\n")
    head, _, foot = text.partition("\n\n")
    assert english_in(head + foot.partition("\n\n")[2]) == []


def test_a_profile_says_in_german_what_it_does(tmp_path: Path):
    made = apple.profile(
        Services("Office", "mail.office.test"),
        "anna@office.test",
        "Anna",
        ca_certificate=None,
        say=GERMAN.say,
    )
    assert "Richtet die Post für anna@office.test ein".encode() in made


def test_paper_in_arabic_is_english():
    assert start_sheet.in_language(Voice("", "ar").say_on_paper) == start_sheet.Words()


def test_the_settings_go_before_the_page():
    assert [Voice("de", "ar").code, Voice("", "ar").code, Voice("xx", "yy").code] == [
        "de",
        "ar",
        "en",
    ]
