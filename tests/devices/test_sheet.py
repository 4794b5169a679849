"""The start sheet, read back by other programs: the text by pdftotext, the code by zbarimg."""

from __future__ import annotations

import asyncio
import pickle
import subprocess
from functools import partial

import pytest

from appliance import paper
from appliance.devices.service import Services
from appliance.devices.sheet import Chapter, Person, Words, start_sheet
from appliance.errors import Refused
from appliance.filters.worker import Worker
from appliance.paper import latin

OFFICE = Services("Müller & Söhne", "mail.office.test")
LINK = "https://mail.office.test/start/" + "Ab3_-" * 9
ANNA = Person("Anna Müller", "anna@office.test", "abcd-efgh-jkmn-pqrs")
NOW = 1_795_000_000.0


def read(pdf, tmp_path):
    (tmp_path / "sheet.pdf").write_bytes(pdf)
    run = subprocess.run(
        ["pdftotext", "-layout", tmp_path / "sheet.pdf", "-"], capture_output=True, check=True
    )
    return " ".join(run.stdout.decode().split())


def pages(pdf, tmp_path):
    (tmp_path / "sheet.pdf").write_bytes(pdf)
    run = subprocess.run(["pdfinfo", tmp_path / "sheet.pdf"], capture_output=True, check=True)
    found = dict(line.split(":", 1) for line in run.stdout.decode().splitlines() if ":" in line)
    assert found["Page size"].strip().endswith("(A4)")
    return int(found["Pages"])


def code(pdf, tmp_path, dots_per_inch):
    (tmp_path / "sheet.pdf").write_bytes(pdf)
    page = tmp_path / "page"
    subprocess.run(
        ["pdftoppm", "-r", str(dots_per_inch), "-png", "-singlefile", tmp_path / "sheet.pdf", page],
        check=True,
    )
    run = subprocess.run(
        ["zbarimg", "--quiet", "--raw", "--nodbus", f"{page}.png"], capture_output=True, check=False
    )
    return run.stdout.decode().strip()


def test_the_sheet_says_all_that_somebody_needs_on_one_page(tmp_path):
    made = start_sheet(Words(), OFFICE, ANNA, link=LINK, now=NOW)
    said = read(made, tmp_path)
    for each in (
        "Your mail at Müller & Söhne",
        "Name Anna Müller",
        "Address and user name anna@office.test",
        "First password abcd-efgh-jkmn-pqrs",
        "Reading (IMAP) mail.office.test, port 993, SSL/TLS",
        "mail.office.test, port 465, SSL/TLS",
        "iPhone and iPad",
        "Android",
        "Thunderbird",
        "Outlook",
        "Made on 2026-11-1",
    ):
        assert each in said
    assert "{" not in said
    assert pages(made, tmp_path) == 1


@pytest.mark.parametrize("dots_per_inch", [75, 150, 300])
def test_the_code_leads_to_the_link(tmp_path, dots_per_inch):
    made = start_sheet(Words(), OFFICE, ANNA, link=LINK)
    assert code(made, tmp_path, dots_per_inch) == LINK


def test_without_link_and_password_there_is_neither(tmp_path):
    made = start_sheet(Words(), OFFICE, Person("", "anna@office.test"))
    assert "password " not in read(made, tmp_path).split("Servers")[0]
    assert code(made, tmp_path, 150) == ""
    assert "Made on" not in read(made, tmp_path)


@pytest.mark.parametrize("name", ["Jörg Weiß", "Αθηνά Παπαδοπούλου", "Жанна Щукина", "Łucja Ční"])
def test_names_of_europe_are_printed_as_they_are(tmp_path, name):
    made = start_sheet(Words(), OFFICE, Person(name, "a@office.test"), link=LINK)
    assert name in read(made, tmp_path)


def test_without_fonts_names_are_written_in_latin_letters(tmp_path, monkeypatch):
    monkeypatch.setattr(paper, "FONT_FOLDERS", (str(tmp_path),))
    for name, shown in (
        ("Jörg Weiß", "Jörg Weiß"),
        ("Αθηνά Ψυχή", "Athina Psychi"),
        ("Жанна Щукина", "Zhanna Shchukina"),
        ("Łucja – 山", "?ucja - ?"),
    ):
        made = start_sheet(Words(), OFFICE, Person(name, "anna@office.test"), link=LINK)
        assert shown in read(made, tmp_path)
    assert code(made, tmp_path, 150) == LINK
    assert pages(made, tmp_path) == 1


def test_other_words_make_another_sheet(tmp_path):
    words = Words(
        title="Ihre Post bei {office}",
        chapters=(Chapter("Handy", ("Öffnen Sie {address} bei {host}.",)),),
    )
    said = read(start_sheet(words, OFFICE, ANNA), tmp_path)
    assert "Ihre Post bei Müller & Söhne" in said
    assert "1. Öffnen Sie anna@office.test bei mail.office.test." in said
    assert "Outlook" not in said


@pytest.mark.parametrize(
    "name", ["x" * 5000, "word " * 2000, "\x00\x1b[2J\r\n\t", "\U0001f600", "{host}"]
)
def test_no_name_makes_it_fail(tmp_path, name):
    long = Services(name, "mail.office.test")
    made = start_sheet(Words(), long, Person(name, "anna@office.test"), link=LINK)
    assert "anna@office.test" in read(made, tmp_path)
    assert pages(made, tmp_path) <= 2


def test_a_link_or_a_password_that_cannot_be_printed_is_refused():
    with pytest.raises(Refused, match="too long"):
        start_sheet(Words(), OFFICE, ANNA, link="https://" + "x" * 500)
    for password in ("pässword", "two words", "tab\there"):
        with pytest.raises(Refused, match="plain letters"):
            start_sheet(Words(), OFFICE, Person("Anna", "anna@office.test", password))


def test_the_password_is_in_no_representation_and_all_can_be_sent_to_a_worker():
    assert "abcd" not in repr(ANNA)
    assert pickle.loads(pickle.dumps((start_sheet, Words(), OFFICE, ANNA)))[3] == ANNA


def test_a_process_of_its_own_makes_the_same_sheet(tmp_path):
    made = asyncio.run(
        Worker().run(partial(start_sheet, link=LINK, now=NOW), Words(), OFFICE, ANNA)
    )
    assert code(made, tmp_path, 150) == LINK
    assert read(made, tmp_path) == read(
        start_sheet(Words(), OFFICE, ANNA, link=LINK, now=NOW), tmp_path
    )


def test_every_letter_of_greek_and_cyrillic_has_a_latin_one():
    letters = "αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώϊϋабвгдеёжзийклмнопрстуфхцчшщыэюяіїєґљњћђџјѓќў"
    assert "?" not in latin(letters + letters.upper())
    assert latin("ъь") == ""
