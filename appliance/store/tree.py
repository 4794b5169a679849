"""What an account's mailboxes are called, as a tree: pure."""

from __future__ import annotations

from dataclasses import dataclass

from appliance.errors import AlreadyExists, NotFound, Refused
from appliance.store import names
from appliance.store.home_files import Found


@dataclass(frozen=True, slots=True)
class MailboxInfo:
    """One line of LIST."""

    name: str
    selectable: bool
    subscribed: bool
    has_children: bool
    special_use: bytes


def parents(name: str) -> list[str]:
    """The names above a name."""
    levels = name.split(names.SEPARATOR)
    return [names.SEPARATOR.join(levels[:count]) for count in range(1, len(levels))]


def renamed_names(old: str, new: str, all_names: list[str]) -> dict[str, str]:
    """Old and new names of all that follow, shortest first, so that a tree which moves up over
    its own names finds them free. Raises NotFound, Refused, AlreadyExists."""
    below = old + names.SEPARATOR
    if new.startswith(below):
        raise Refused("A mailbox cannot be moved below itself.")
    moving = sorted((n for n in all_names if n == old or n.startswith(below)), key=len)
    if not moving:
        raise NotFound("There is no such mailbox.")
    renamed = {name: new + name[len(old) :] for name in moving}
    for after in renamed.values():
        names.directory_name(after)
        if after in all_names and after not in renamed:
            raise AlreadyExists("There is a mailbox of that name already.")
    return renamed


def infos(found: list[Found], subscribed: set[str]) -> list[MailboxInfo]:
    """All mailboxes, INBOX first, and the parents that are none themselves."""
    special = {one.name: one.special_use for one in found}
    special[names.INBOX] = b""
    above = {parent for name in special for parent in parents(name)}
    ordered = sorted(special.keys() | above, key=lambda name: (name != names.INBOX, name))
    return [
        MailboxInfo(
            name, name in special, name in subscribed, name in above, special.get(name, b"")
        )
        for name in ordered
    ]
