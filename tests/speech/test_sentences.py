"""Sentences of the rooms below, said in German."""

import time

import pytest

from appliance.backup.trouble import Kind, TargetTrouble
from appliance.speech import quantities, sentences
from appliance.words import duration, remaining, size


@pytest.mark.parametrize(
    ("english", "german"),
    [
        ("Nobody here has this address.", "Niemand hier hat diese Adresse."),
        ("There is no account x@y.z.", "Es gibt kein Konto x@y.z."),
        (
            "/media/stick is full, and nothing on it may be given up; use a larger drive.",
            (
                "/media/stick ist voll, und nichts darauf darf aufgegeben werden; nehmen Sie ein "
                "größeres Laufwerk."
            ),
        ),
        (
            "The mail disk is 83 % full. At this rate it is full in about 3 weeks.",
            "Die Mail-Festplatte ist zu 83 % voll. So ist sie in etwa 3 Wochen voll.",
        ),
        (
            "It was tried for five days. mx.example.org does not answer.",
            "Fünf Tage lang wurde es versucht. mx.example.org antwortet nicht.",
        ),
        (
            (
                "Alerts cannot be sent by mail (the mail disk is not available), "
                "ntfy (the server answered 404)."
            ),
            (
                "Warnungen lassen sich nicht verschicken: mail (die Mail-Festplatte ist nicht "
                "verfügbar), ntfy (der Server antwortete 404)."
            ),
        ),
        (
            "Every message that was there on 2026-11-24 was compared since.",
            "Jede Nachricht, die es am 24.11.2026 gab, wurde seither verglichen.",
        ),
        (
            (
                "Wrong password: IMAP at 14:05 from 10.0.0.7. "
                "Type it again; the keyboard may have changed the first letter."
            ),
            (
                "Falsches Passwort: IMAP um 14:05 von 10.0.0.7. Geben Sie es noch einmal ein; "
                "die Tastatur hat vielleicht den ersten Buchstaben geändert."
            ),
        ),
        (
            (
                "Drive A did not give back 2 files (1.5 GB) as written; set aside on it in "
                "pillarbox/damaged. Earlier versions on it may lack what was in them."
            ),
            (
                "Laufwerk A hat 2 Dateien (1,5 GB) nicht so zurückgegeben, wie es geschrieben wurde; "
                "es liegt dort beiseite in pillarbox/damaged. Früheren Ständen darauf kann fehlen, "
                "was darin war."
            ),
        ),
    ],
)
def test_a_sentence_is_said_with_what_was_filled_in(english, german):
    assert sentences.say(english, "de") == german


@pytest.mark.parametrize("kind", Kind)
def test_what_goes_wrong_with_a_drive_is_known(kind):
    said = sentences.say(str(TargetTrouble(kind, "drive A")), "de")
    assert "drive A" not in said
    assert sentences.speaker("de").knows(str(TargetTrouble(kind, "drive A")))


def test_what_another_server_said_stays_as_it_was():
    said = "imap.example.org answered: [ALERT] Too many. Go away."
    assert sentences.say(said, "de") == "imap.example.org antwortete: [ALERT] Too many. Go away."
    assert sentences.say("A sentence of nobody. And another.", "de") == (
        "A sentence of nobody. And another."
    )


def test_names_that_look_like_words_stay():
    assert sentences.say("There is no disk free; see disk list.", "de") == (
        "Es gibt keine Festplatte free; siehe disk list."
    )


@pytest.mark.parametrize(
    ("english", "german"),
    [
        (size(1.5 * 2**30), "1,5 GB"),
        (size(12), "12 Bytes"),
        (duration(5), "6 Sekunden"),
        (duration(6000), "1,7 Stunden"),
        (remaining(1800 * 5), "noch etwa 2,5 Stunden"),
        (remaining(60), "noch etwa 1 Minute"),
        ("2026-11-24", "24.11.2026"),
        ("12,345", "12.345"),
    ],
)
def test_quantities_are_written_as_the_language_does(english, german):
    assert sentences.say(english, "de") == german


def test_what_is_no_quantity_is_left_alone():
    for each in ("10.0.0.1", "1.2.3", "v1.5", "2026-13-45", "9" * 100, "1.25"):
        assert quantities.said(each, "de") is None


def test_every_template_is_found_again_with_what_was_filled_in():
    """None hides another: what is filled in comes out, in the words of its own translation."""
    catalogue = sentences.entries(sentences.LOCALE, "de")
    lost = []
    for english, german in catalogue.items():
        values = {name: str(7000 + n) for n, name in enumerate(sentences.PLACE.findall(english))}
        filled, wanted = (
            sentences.PLACE.sub(lambda place, by=values: by[place[1]], text)
            for text in (english, german)
        )
        if sentences.say(filled, "de") != wanted:
            lost.append((english, sentences.say(filled, "de")))
    assert lost == []


def test_no_text_takes_long():
    """Time grows with the length, not with what might fit."""
    speaker = sentences.speaker("de")
    texts = (
        "a " * 1900,
        ". A" * 1300,
        "(" * 3900,
        ", " * 1900,
        "\n" * 3900,
        "- " * 1900,
        "x: " * 1300,
    )
    began = time.process_time()
    for text in texts:
        assert speaker.say(text) == text
    for begins in ("This is over: ", "The backup failed: ", "Nothing, if it is right now. "):
        assert speaker.say(begins * 100)
    assert speaker.say("x" * 100_000) == "x" * 100_000
    assert time.process_time() - began < 2.0


def test_a_moment_is_written_as_the_language_does(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    at = 1_795_529_100.0
    assert quantities.moment(at, "de") == "24.11.2026, 14:05"
    assert quantities.moment(at, "en").startswith("Nov 24, 2026, 2:05")
    assert quantities.moment(0.0, "de") == ""
    monkeypatch.undo()
    time.tzset()


def test_what_is_filled_in_stays_in_one_piece_between_arabic_words():
    said = sentences.say("There is no backup on /media/stick.", "ar")
    assert "\u2068/media/stick\u2069" in said
    assert sentences.say("/media/stick is damaged (x).", "de").startswith("/media/stick ist")


def test_what_cannot_be_known_comes_back_as_it_was():
    for text in ("", " ", "\n\n", "{name} is full.", "{", "}"):
        assert sentences.say(text, "de") == text
    assert sentences.say("Nobody answers.", "xx") == "Nobody answers."
