"""The catalogues are as the code is; German is complete, Arabic on the main roads."""

import re

import pytest
from babel.messages.pofile import read_po

from tests.house import catalogue, sentences

CATALOGUES = catalogue.paths()
MAIN_ROADS = (
    "accounts/addresses", "accounts/login", "accounts/passwords", "accounts/registry",
    "backup/coverage", "backup/decisions", "backup/letter", "backup/trouble", "devices/arrivals",
    "hardware/base", "health/", "maildisk", "panel/panel", "panel/patterns", "queue/dsn", "queue/envelope", "safekeeping", "sending",
    "web/fields", "web/operations", "web/people", "words", "zone/records",
)  # fmt: skip
_PLACEHOLDER = re.compile(r"%\((\w+)\)s|\{(\w+)\}")


def _name(path):
    return f"{path.parts[-3]}-{path.stem}"


def _read(path):
    with path.open("rb") as file:
        return [each for each in read_po(file, locale=path.stem) if each.id]


@pytest.mark.parametrize("path", CATALOGUES, ids=_name)
def test_a_catalogue_has_the_texts_of_the_code_and_no_others(path):
    """Otherwise: python -m tests.house.catalogue"""
    assert path.read_bytes() == catalogue.updated(path, catalogue.template_of(path))


@pytest.mark.parametrize("path", [each for each in CATALOGUES if each.stem == "de"], ids=_name)
def test_german_has_every_text(path):
    """What it has not is named with the file where it stands."""
    places = sentences.of_the_house()
    missing = [each.id for each in _read(path) if not _all_of(each.string)]
    assert [(places.get(each, "a page"), each) for each in missing] == []


def test_arabic_has_the_page_and_the_main_roads():
    """The sentences that an owner meets on every day, and most of all the others."""
    places = sentences.of_the_house()
    on_pages = _read(catalogue.PAGES / "ar.po")
    assert [each.id for each in on_pages if not _all_of(each.string)] == []
    below = _read(catalogue.SENTENCES / "ar.po")
    missing = [each.id for each in below if not each.string]
    roads = [each for each in missing if places.get(each, "").startswith(MAIN_ROADS)]
    assert roads == []
    assert len(missing) / len(below) < 0.5


@pytest.mark.parametrize("path", CATALOGUES, ids=_name)
def test_a_translation_has_the_placeholders_of_its_text(path):
    """A form for a number of its own (one, two) may leave the number out."""
    wrong = [
        each.id
        for each in _read(path)
        if _all_of(each.string)
        for text in _texts(each.string)
        if not _placeholders(text) <= _placeholders(_texts(each.id)[-1])
        or (isinstance(each.string, str) and _placeholders(text) != _placeholders(each.id))
    ]
    assert wrong == []


def test_a_sentence_is_found_with_all_that_can_stand_in_it():
    source = """
def told(count, trouble):
    "Not this one."
    log.warning("Nor what the log says.")
    many = "1 file" if count == 1 else f"{count} files"
    if trouble:
        raise Refused(f"no {trouble.kind} today")
    return f"The drive {'has' if count else 'lost'} {many}."
"""
    assert [text for text, _ in sentences.of_module(source)] == [
        "1 file",
        "{count} files",
        "no {kind} today",
        "The drive has {many}.",
        "The drive lost {many}.",
    ]


def _placeholders(text):
    return set(_PLACEHOLDER.findall(text))


def _texts(string):
    return [string] if isinstance(string, str) else list(string)


def _all_of(string):
    return all(_texts(string))
