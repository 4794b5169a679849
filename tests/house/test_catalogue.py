"""The catalogues are as the code is, and German is complete."""

import re

import pytest
from babel.messages.pofile import read_po

from tests.house import catalogue

CATALOGUES = sorted(catalogue.LOCALE.glob("*.po"))
_PLACEHOLDER = re.compile(r"%\((\w+)\)s")


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.stem)
def test_a_catalogue_has_the_texts_of_the_code_and_no_others(path):
    """Otherwise: python -m tests.house.catalogue"""
    assert path.read_bytes() == catalogue.updated(path, catalogue.extracted())


def test_german_has_every_text():
    with (catalogue.LOCALE / "de.po").open("rb") as file:
        there = read_po(file, locale="de")
    assert [each.id for each in there if each.id and not _all_of(each.string)] == []


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.stem)
def test_a_translation_has_the_placeholders_of_its_text(path):
    with path.open("rb") as file:
        there = read_po(file, locale=path.stem)
    wrong = [
        each.id
        for each in there
        if each.id and _all_of(each.string)
        for text in _texts(each.string)
        if set(_PLACEHOLDER.findall(text)) != set(_PLACEHOLDER.findall(_texts(each.id)[-1]))
    ]
    assert wrong == []


def _texts(string):
    return [string] if isinstance(string, str) else list(string)


def _all_of(string):
    return all(_texts(string))
