"""All settings: one immutable typed tree, read from STATE/settings.toml.

Each field has its default, its limits and one sentence of help beside it (`sections.py`); the LAN
page shows that sentence. What the file does not name keeps its default. A file that cannot be
used is refused with one sentence that names the line and the field; nothing is guessed.
"""

from __future__ import annotations

import dataclasses
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from appliance.errors import BadSettings
from appliance.sections import (
    Alerts,
    Backup,
    Dns,
    Fetch,
    Filters,
    Hardware,
    Imap,
    Limits,
    Migration,
    Office,
    Pop3,
    Relay,
    Reports,
    Retention,
    Sending,
    Server,
    Smtp,
    Storage,
    Trace,
)


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole tree."""

    server: Server = field(default_factory=Server)
    office: Office = field(default_factory=Office)
    storage: Storage = field(default_factory=Storage)
    smtp: Smtp = field(default_factory=Smtp)
    imap: Imap = field(default_factory=Imap)
    pop3: Pop3 = field(default_factory=Pop3)
    dns: Dns = field(default_factory=Dns)
    relay: Relay = field(default_factory=Relay)
    filters: Filters = field(default_factory=Filters)
    fetch: Fetch = field(default_factory=Fetch)
    migration: Migration = field(default_factory=Migration)
    sending: Sending = field(default_factory=Sending)
    trace: Trace = field(default_factory=Trace)
    retention: Retention = field(default_factory=Retention)
    reports: Reports = field(default_factory=Reports)
    hardware: Hardware = field(default_factory=Hardware)
    backup: Backup = field(default_factory=Backup)
    alerts: Alerts = field(default_factory=Alerts)


def load(path: Path) -> Settings:
    """Read a settings file; a missing one means all defaults. Blocks.

    Raises:
        BadSettings: one sentence with the line and the field.
    """
    try:
        content = path.read_text("utf-8")
    except FileNotFoundError:
        return Settings()
    except (OSError, UnicodeDecodeError) as error:
        raise BadSettings(f"{path} cannot be read: {error}.") from error
    return parse(content, name=str(path))


def parse(content: str, *, name: str = "settings.toml") -> Settings:
    """Make settings of the text of a file.

    Raises:
        BadSettings: one sentence with the line and the field.
    """
    try:
        tree = tomllib.loads(content)
    except tomllib.TOMLDecodeError as error:
        raise BadSettings(f"{name} is not TOML: {error}.") from error
    sections = {f.name: f for f in dataclasses.fields(Settings)}
    values: dict[str, Any] = {}
    for section, entries in tree.items():
        where = f"{name} line {line_of(content, section, None)}"
        if section not in sections:
            known = ", ".join(sections)
            raise BadSettings(f"{where}: there is no section {section!r} (there are {known}).")
        if not isinstance(entries, dict):
            raise BadSettings(f"{where}: {section!r} is a section: write [{section}].")
        kind = type(getattr(Settings(), section))
        values[section] = _section(kind, section, entries, (content, name))
    return Settings(**values)


def help_of(section: type, name: str) -> Limits:
    """Limits and help sentence of a field, for the page."""
    for each in dataclasses.fields(section):
        if each.name == name:
            limits: Limits = each.metadata["limits"]
            return limits
    raise KeyError(name)


def _section(
    kind: type[Any], section: str, entries: dict[str, Any], source: tuple[str, str]
) -> Any:
    content, file_name = source
    fields: dict[str, Any] = {f.name: f for f in dataclasses.fields(kind)}
    for key, value in entries.items():
        where = f"{file_name} line {line_of(content, section, key)}: {section}.{key}"
        if key not in fields:
            raise BadSettings(f"{where} is not a setting (there are {', '.join(fields)}).")
        wrong = complaint(kind, key, value)
        if wrong:
            raise BadSettings(f"{where} {wrong}.")
    return kind(**entries)


def complaint(section: type, name: str, value: Any) -> str:
    """What is wrong with a value ("must be ...", "cannot be ..."), or nothing."""
    limits = help_of(section, name)
    wanted = type(getattr(section(), name))
    if type(value) is not wanted:
        kinds = {int: "a whole number", str: 'a text in "quotes"', bool: "true or false"}
        return f"must be {kinds[wanted]}, not {value!r}"
    if limits.low is not None and limits.high is not None:
        if not limits.low <= value <= limits.high:
            return f"must be between {limits.low} and {limits.high}, not {value}"
    elif limits.choices and value not in limits.choices:
        return f"must be one of {', '.join(limits.choices)}, not {value!r}"
    elif limits.pattern is not None and not limits.pattern.match(value):
        return f"cannot be {value!r}"
    return ""


def line_of(content: str, section: str, key: str | None) -> int:
    """The line on which a section or a key in it stands; 1 if it cannot be told."""
    inside = False
    for line_number, line in enumerate(content.splitlines(), 1):
        heading = re.match(r"\s*\[\s*([\w-]+)\s*\]", line)
        if heading:
            inside = heading[1] == section
            if inside and key is None:
                return line_number
        elif (key is None and re.match(rf"\s*{re.escape(section)}\s*[=.]", line)) or (
            key is not None
            and re.match(rf"\s*({re.escape(section)}\s*\.\s*)?{re.escape(key)}\s*=", line)
            and (inside or line.lstrip().startswith(section))
        ):
            return line_number
    return 1
