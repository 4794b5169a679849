"""Which folder here a folder there becomes. Pure.

Servers differ in what separates the levels of a name, in a prefix that all names have (Cyrus and
Courier: "INBOX."), and in how they say which folder is the one for sent mail (RFC 6154, or only by
its name). Gmail shows labels as folders, and all mail once more in a folder of its own.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from appliance.errors import Refused
from appliance.store import names

_ABSENT = frozenset(("\\noselect", "\\nonexistent"))
_VIEWS = frozenset(("\\flagged", "\\important"))
_USES = ("\\Sent", "\\Drafts", "\\Trash", "\\Junk", "\\Archive")
_CALLED = {
    "\\Sent": ("sent", "sent items", "sent messages", "sent mail", "gesendet",
               "gesendete objekte", "gesendete elemente"),
    "\\Drafts": ("drafts", "draft", "entwürfe"),
    "\\Trash": ("trash", "deleted items", "deleted messages", "papierkorb", "gelöschte objekte",
                "gelöschte elemente"),
    "\\Junk": ("junk", "spam", "junk e-mail", "junk-e-mail", "bulk mail"),
    "\\Archive": ("archive", "archives", "archiv"),
}  # fmt: skip


class How(Enum):
    """What is done with a folder."""

    COPY = "copy"
    REST = "rest"
    """It shows mail of other folders too: only what is in none of them is brought from it."""
    VIEW = "view"
    """It shows mail of other folders only; nothing is brought from it."""


@dataclass(frozen=True, slots=True)
class Theirs:
    """A folder as the other server lists it."""

    raw: bytes  # the name as it is said to the server (modified UTF-7)
    name: str
    separator: str  # empty: there are no levels
    marks: frozenset[str]  # attributes of LIST in small letters


@dataclass(frozen=True, slots=True)
class Mapped:
    """Where its messages go."""

    theirs: Theirs
    ours: str
    how: How = How.COPY


def mapped(
    found: Sequence[Theirs], special: Mapping[str, str], known: Mapping[str, str]
) -> list[Mapped]:
    """All folders with mail, in the order in which they are brought.

    `special`: our folder for each use ("\\Sent": "Sent"); `known`: what was decided before, by
    their name, and stays. INBOX comes first, folders that show mail of others last.
    """
    there = sorted(
        (each for each in found if not each.marks & _ABSENT), key=lambda each: _order(each.name)
    )
    prefix = common_prefix(there)
    uses = _uses(there, prefix)
    taken = {name: theirs for theirs, name in known.items() if name}
    made = []
    for each in there:
        if each.marks & _VIEWS:
            made.append(Mapped(each, "", How.VIEW))
            continue
        is_rest = "\\all" in each.marks
        use = "\\Archive" if is_rest else uses.get(each.name, "")
        wanted = special.get(use, "") or _usable(_levels(each, prefix))
        ours = known.get(each.name) or (wanted if is_rest else _free(wanted, taken, each.name))
        if not is_rest:
            taken.setdefault(ours, each.name)
        made.append(Mapped(each, ours, How.REST if is_rest else How.COPY))
    return sorted(made, key=lambda each: each.how is not How.COPY)


def common_prefix(found: Iterable[Theirs]) -> str:
    """What stands before all names but INBOX: "INBOX." at Cyrus and Courier, or nothing."""
    others = [each for each in found if each.name.upper() != names.INBOX]
    for each in others:
        prefix = f"INBOX{each.separator}"
        if each.separator and all(one.name.upper().startswith(prefix) for one in others):
            return prefix
    return ""


def _uses(there: Sequence[Theirs], prefix: str) -> dict[str, str]:
    """Special uses by their names: as the server says, else by what such folders are called."""
    said: dict[str, str] = {}
    for each in there:
        for use in _USES:
            if use.lower() in each.marks and use not in said.values():
                said[each.name] = use
    for use, called in _CALLED.items():
        if use in said.values():
            continue
        for each in there:
            plain = each.name[len(prefix) :].casefold() if prefix else each.name.casefold()
            if plain in called and each.name not in said:
                said[each.name] = use
                break
    return said


def _levels(each: Theirs, prefix: str) -> list[str]:
    name = each.name
    if name.upper() == names.INBOX:
        return [names.INBOX]
    if prefix and name.upper().startswith(prefix):
        name = name[len(prefix) :]
    levels = name.split(each.separator) if each.separator else [name]
    if len(levels) > 1 and levels[0].lower() in ("[gmail]", "[google mail]"):
        del levels[0]
    return levels


def _usable(levels: Sequence[str]) -> str:
    """A name that our store takes, as near to theirs as can be."""
    if list(levels) == [names.INBOX]:
        return names.INBOX
    clean = [_level(each) for each in levels]
    clean = [each for each in clean if each] or ["Folder"]
    if len(clean) > names.LEVELS_AT_MOST:
        most = names.LEVELS_AT_MOST - 1
        clean = [*clean[:most], "-".join(clean[most:])]
    name = names.canonical(names.SEPARATOR.join(clean))
    if name == names.INBOX or names.PAST.match(name):
        name = f"Old {name}"
    try:
        names.directory_name(name)
    except Refused:
        sign = hashlib.sha256(name.encode()).hexdigest()[:8]
        short = [each[: max(1, 150 // len(clean) // 4)] for each in clean]
        name = f"{names.SEPARATOR.join(short)} {sign}"
    return name


def _level(text: str) -> str:
    """One level: no separator of ours in it, nothing that cannot be seen."""
    shown = "".join(
        "-" if sign == names.SEPARATOR else sign
        for sign in text
        if unicodedata.category(sign) not in ("Cc", "Cs", "Zl", "Zp")
    )
    return shown.strip()


def _free(wanted: str, taken: Mapping[str, str], theirs: str) -> str:
    """The name, or with a number where another folder of theirs has it already."""
    folded = {name.casefold(): owner for name, owner in taken.items()}
    name, number = wanted, 1
    while folded.get(name.casefold(), theirs) != theirs:
        number += 1
        name = f"{wanted} ({number})"
    return name


def _order(name: str) -> tuple[bool, str]:
    return name.upper() != names.INBOX, name
