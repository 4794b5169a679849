"""The catalogues are as the code is, and German is complete."""

import re

import pytest
from babel.messages.pofile import read_po

from tests.house import catalogue, sentences

CATALOGUES = catalogue.paths()
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


@pytest.mark.parametrize("path", CATALOGUES, ids=_name)
def test_a_translation_has_the_placeholders_of_its_text(path):
    wrong = [
        each.id
        for each in _read(path)
        if _all_of(each.string)
        for text in _texts(each.string)
        if set(_PLACEHOLDER.findall(text)) != set(_PLACEHOLDER.findall(_texts(each.id)[-1]))
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


def _texts(string):
    return [string] if isinstance(string, str) else list(string)


def _all_of(string):
    return all(_texts(string))
