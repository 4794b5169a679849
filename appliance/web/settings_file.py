"""The text of settings.toml with some values changed: comments and order stay as they are. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from appliance import settings
from appliance.settings import Settings


def tree(content: str) -> Settings:
    """What a text says. Raises BadSettings."""
    return settings.parse(content)


def values(chosen: Settings, section: str) -> dict[str, Any]:
    """The values of one section by name."""
    return dataclasses.asdict(getattr(chosen, section))


def changed(content: str, section: str, wanted: Mapping[str, Any]) -> str:
    """The text with the wanted values in a section. What says so already is not touched.

    Raises:
        BadSettings: the text cannot be used, or a value cannot.
    """
    import tomlkit  # noqa: PLC0415 - costs 3 MB, and is needed only when somebody saves

    present = values(tree(content), section)
    differing = {name: value for name, value in wanted.items() if value != present[name]}
    if not differing:
        return content
    document = tomlkit.parse(content)
    if section not in document:
        document[section] = tomlkit.table()
    table: Any = document[section]
    for name, value in differing.items():
        if name in table:
            table[name] = value
        else:
            _append(table, name, value)
    made = tomlkit.dumps(document)
    tree(made)
    return made


def differences(before: Settings, after: Settings) -> list[tuple[str, Any, Any]]:
    """What differs, as section.name, from, to."""
    found = []
    for section in dataclasses.fields(Settings):
        old, new = values(before, section.name), values(after, section.name)
        found += [
            (f"{section.name}.{name}", old[name], new[name])
            for name in old
            if old[name] != new[name]
        ]
    return found


def _append(table: Any, name: str, value: Any) -> None:
    """Behind the last value, and before what stands apart from it: that is about what follows."""
    body = getattr(getattr(table, "value", None), "body", None)
    apart: list[Any] = []
    if isinstance(body, list):
        last = max((i for i, (key, _) in enumerate(body) if key is not None), default=-1)
        first = next(
            (i for i in range(last + 1, len(body)) if not body[i][1].as_string().strip()), len(body)
        )
        apart = [item for _, item in body[first:]]
        del body[first:]
    table[name] = value
    for item in apart:
        table.add(item)
