"""The cards beside the box: one page each, every lamp on them, in German too."""

import subprocess

import pytest

from appliance.panel import patterns, printed
from appliance.speech.voice import Voice

GERMAN = Voice("", "de").say_on_paper


def text_of(pdf, folder):
    (folder / "card.pdf").write_bytes(pdf)
    told = subprocess.run(
        ["pdfinfo", folder / "card.pdf"], capture_output=True, text=True, check=True
    )
    assert "Pages:           1" in told.stdout
    read = subprocess.run(
        ["pdftotext", "-raw", folder / "card.pdf", "-"], capture_output=True, text=True, check=True
    )
    return " ".join(read.stdout.split())


@pytest.mark.parametrize("say", [str, GERMAN], ids=["en", "de"])
def test_the_first_card_explains_every_lamp_and_press(tmp_path, say):
    text = text_of(printed.quick_start(say), tmp_path)
    lights = [light for table in patterns.TABLE.values() for light in table]
    for light in (*lights, *patterns.HELD.values()):
        assert say(light.meaning) in text
    assert "http://pillarbox.local/" in text
    assert "{" not in text


@pytest.mark.parametrize("say", [str, GERMAN], ids=["en", "de"])
def test_the_card_for_bad_days_is_one_page(tmp_path, say):
    text = text_of(printed.recovery(say), tmp_path)
    assert say("The recovery sheet is lost") in text
    assert say(patterns.RECOVERY.meaning) in text
    assert "{" not in text


def test_two_builds_print_the_same_octets():
    assert printed.quick_start(str) == printed.quick_start(str)
