"""Starting with a settings file that cannot be used: by the settings that worked last.

An office without anybody for computers must have its mail and its page although somebody mistyped
a line. In force is then the first that can be used of

    STATE/settings.good     the text the box went by last, written at each start and each change
    the history             the newest state that somebody saved on the page
    what is left            each line of the file that can be used; the others as delivered

The file itself stays as it was found, and its text is taken up in the history.
Blocks.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance import settings
from appliance.accounts.database import DATABASE, AccountsDatabase
from appliance.conditions import Condition, Severity
from appliance.errors import BadSettings, PillarboxError
from appliance.settings import Settings
from appliance.web import settings_checks, settings_file, settings_history
from appliance.words import phrase

CONDITION = "settings"
_HEADING = re.compile(r"\s*\[\s*([\w-]+)\s*\]\s*(#.*)?\Z")


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a start goes by."""

    tree: Settings
    text: str
    """Of the file, or of what is in force in its place."""
    complaint: str = ""
    """What is wrong with the file; empty: it is in force."""
    instead: str = ""
    """What is in force instead of it, as a sentence."""

    def condition(self, now: float) -> Condition:
        """What stands on the board while the file is not in force."""
        remedy = (
            "Open Settings on the page and bring back what worked, or mend the file and restart "
            "the box."
        )
        sentence = f"{self.complaint} {self.instead}"
        return Condition(CONDITION, Severity.ATTENTION, sentence, remedy, now)


def load(state: Path) -> Loaded:
    """The settings for a start; never raises for what stands in the file."""
    try:
        content = settings_history.content(state)
        return Loaded(checked(content), content)
    except BadSettings as error:
        complaint = str(error)
    for text, instead in _earlier(state):
        try:
            return Loaded(checked(text), text, complaint, instead)
        except BadSettings:
            continue
    tree = salvaged(settings_history.raw(state))
    instead = phrase("The box goes by the lines that can be used; the others are as delivered.")
    return Loaded(tree, "", complaint, instead)


def checked(content: str) -> Settings:
    """What a text says, when the box could start with it.

    Raises:
        BadSettings: one sentence with the line and the field.
    """
    tree = settings_file.tree(content)
    for section in Settings.__dataclass_fields__:
        values = settings_file.values(tree, section)
        for name, sentence in settings_checks.wrong(section, values, "").items():
            line = settings.line_of(content, section, name)
            raise BadSettings(f"settings.toml line {line}: {section}.{name}: {sentence}")
    return tree


def salvaged(content: str) -> Settings:
    """What can be used of a text, line by line; all else is as delivered. Pure but for the checks
    of files that are named.

    No setting is longer than a line, so a line that is broken takes nothing with it; what follows
    a broken heading has no section, and is left out.
    """
    found: dict[str, dict[str, Any]] = {}
    section = ""
    for line in content.splitlines():
        heading = _HEADING.match(line)
        if heading or line.lstrip().startswith("["):
            section = heading[1] if heading else ""
            continue
        for where, name, value in _entries(line, section):
            if _can_be(where, name, value):
                found.setdefault(where, {})[name] = value
    usual = Settings()
    return Settings(**{each: type(getattr(usual, each))(**found[each]) for each in found})


def note_start(database: AccountsDatabase, state: Path, loaded: Loaded, now: float) -> None:
    """The box runs by these settings: keep their text; of a file that is not in force have the
    history know what is, and the text that is not. Raises StorageFull, StorageOffline."""
    if not loaded.complaint:
        settings_history.keep_good(state, loaded.text)
        return
    settings_history.prepare(database)
    if loaded.text:
        settings_history.note(database, loaded.text, now)
    settings_history.note(database, settings_history.raw(state), now)


def _earlier(state: Path) -> list[tuple[str, str]]:
    """Texts that were in force once, the newest first, and what is said of each."""
    found = []
    good = settings_history.good(state)
    if good is not None:
        found.append((good, phrase("The box goes by the settings that worked last.")))
    saved = phrase("The box goes by the settings that were saved last.")
    return found + [(text, saved) for text in _saved(state)]


def _saved(state: Path) -> list[str]:
    if not (state / DATABASE).exists():
        return []
    try:
        database = AccountsDatabase(state)
    except PillarboxError:  # the start will say so itself
        return []
    try:
        settings_history.prepare(database)
        states = settings_history.newest(database, settings_history.MOST_STATES)
        return [
            settings_history.text_of(database, each.identity) for each in states if each.is_usable
        ]
    except PillarboxError:
        return []
    finally:
        database.close()


def _entries(line: str, section: str) -> list[tuple[str, str, Any]]:
    """Section, name and value of what stands on a line by itself."""
    try:
        tree = tomllib.loads(line)
    except tomllib.TOMLDecodeError:
        return []
    found = []
    for name, value in tree.items():
        if isinstance(value, dict) and not section:
            found += [(name, inner, each) for inner, each in value.items()]
        else:
            found.append((section, name, value))
    return found


def _can_be(section: str, name: str, value: Any) -> bool:
    if section not in Settings.__dataclass_fields__:
        return False
    if name not in settings_file.values(Settings(), section):
        return False
    return not settings_checks.wrong(section, {name: value}, "")
