"""The file for somebody who helps: a ZIP with a few texts, all of them veiled."""

from __future__ import annotations

import builtins
import dataclasses
import io
import json
import zipfile
from collections.abc import Mapping
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

from appliance.settings import Settings, help_of
from appliance.support.veil import words

_NOT_SHOWN = "(set)"
_ABOUT = (
    "A support bundle of a Pillarbox. Names, addresses, names of servers and all words that are "
    "not the program's own are replaced: person-..., domain-..., ip-..., word-... mean the same "
    "thing wherever they stand in this bundle, and nothing in another one.\n"
)


@cache
def own_words() -> frozenset[str]:
    """All words of the program's own text, and Python's names of faults. Blocks."""
    found: set[str] = set()
    for name in dir(builtins):
        found |= words(name)
    folders: list[Traversable] = [resources.files("appliance")]
    while folders:
        for each in folders.pop().iterdir():
            if each.is_dir():
                folders.append(each)
            elif each.name.endswith(".py"):
                found |= words(each.name) | words(each.read_text("utf-8"))
    return frozenset(found)


def settings_told(tree: Settings) -> dict[str, dict[str, Any]]:
    """Numbers, switches and choices as they are; of a text only whether there is one. Pure."""
    told: dict[str, dict[str, Any]] = {}
    for section in dataclasses.fields(Settings):
        values = getattr(tree, section.name)
        told[section.name] = {}
        for field in dataclasses.fields(values):
            value = getattr(values, field.name)
            is_free = isinstance(value, str) and not help_of(type(values), field.name).choices
            told[section.name][field.name] = _NOT_SHOWN if is_free and value else value
    return told


def pack(files: Mapping[str, str]) -> bytes:
    """The ZIP, with a page that says what it is. Pure."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in {"README.txt": _ABOUT, **files}.items():
            archive.writestr(zipfile.ZipInfo(name), text, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def as_json(value: Any) -> str:
    """Readable by people too."""
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"
