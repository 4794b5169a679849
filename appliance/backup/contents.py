"""What is in a version, and which of it is to be brought back. Mostly pure."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.backup import view
from appliance.backup.engine import Engine
from appliance.backup.trouble import Kind, TargetTrouble
from appliance.backup.view import About
from appliance.errors import NotFound
from appliance.store import names

_HEADER_AT_MOST = 256 << 10


@dataclass(frozen=True, slots=True)
class Kept:
    """A message in a version."""

    path: str
    """/people/ADDRESS/.Folder/cur/NAME, as restic has it."""
    size: int
    modified: str = ""

    @property
    def directory(self) -> str:
        """The directory of its mailbox below the account's: "" is INBOX."""
        parts = self.path.split("/")
        return parts[3] if parts[3].startswith(".") else ""

    @property
    def mailbox(self) -> str | None:
        """The name of its mailbox."""
        return names.mailbox_name(self.directory) if self.directory else names.INBOX

    @property
    def base(self) -> bytes:
        """Its name without the letters."""
        return os.fsencode(self.path.rpartition("/")[2]).partition(b":2,")[0]

    @property
    def letters(self) -> bytes:
        """Flags and keywords."""
        return os.fsencode(self.path.rpartition("/")[2]).partition(b":2,")[2]

    @property
    def permanent(self) -> bytes:
        """What says that two files are the same message."""
        return names.permanent_name(self.base)


def is_message(parts: list[str]) -> bool:
    """Whether /people/ADDRESS/[.Folder/]cur|new/NAME."""
    if len(parts) == 6 and parts[3].startswith("."):
        return parts[4] in {"cur", "new"}
    return len(parts) == 5 and parts[3] in {"cur", "new"}


def messages(engine: Engine, version: str, account: str) -> list[Kept]:
    """All messages of an account in a version. Blocks.

    Raises:
        NotFound: the account is not in this version.
    """
    found: list[Kept] = []
    seen: list[bool] = []

    def take(node: dict[str, Any]) -> None:
        seen.append(True)
        parts = str(node["path"]).split("/")
        if node.get("type") == "file" and is_message(parts):
            size, time = int(node.get("size", 0)), str(node.get("mtime", ""))
            found.append(Kept(str(node["path"]), size, time))

    engine.list(version, take, f"/people/{names.account_directory(account)}")
    if not seen:
        raise NotFound(f"There is no {account} in this version.")
    return found


def choose(
    found: Iterable[Kept],
    mailbox: str = "",
    message: str = "",
    several: Collection[str] = (),
) -> list[Kept]:
    """Those of one mailbox; one message by its UID or by its permanent name; several by theirs.

    Raises:
        NotFound: there is none such.
    """
    wanted = names.canonical(mailbox) if mailbox else ""
    chosen = [one for one in found if not wanted or one.mailbox == wanted]
    if wanted and not chosen:
        raise NotFound(f"There is no mail in {mailbox} in this version.")
    if several:
        chosen = [one for one in chosen if os.fsdecode(one.permanent) in several]
        if not chosen:
            raise NotFound("None of these messages is in this version.")
    if message and not is_message_id(message):
        chosen = [one for one in chosen if _is_called(one, message)]
        if not chosen:
            raise NotFound(f"There is no message {message} in this version.")
    return chosen


def is_message_id(message: str) -> bool:
    """Whether a message is named by its Message-ID (RFC 5322 §3.6.4)."""
    return message.startswith("<") and message.endswith(">")


def _is_called(one: Kept, message: str) -> bool:
    if message.isdigit():
        return names.read_base(one.base).uid == int(message)
    return os.fsdecode(one.permanent) == message


def has_message_id(path: Path, message_id: str) -> bool:
    """Whether the message in a file has this Message-ID. Blocks."""
    with path.open("rb") as file:
        head = file.read(_HEADER_AT_MOST)
    head = re.split(rb"\r?\n\r?\n", head, maxsplit=1)[0]
    unfolded = re.sub(rb"\r?\n(?=[ \t])", b"", head)
    found = re.search(rb"(?im)^message-id:[ \t]*(<[^>\r\n]*>)", unfolded)
    return found is not None and found[1] == message_id.encode()


def names_after(one: Kept) -> set[bytes]:
    """Permanent names under which a message may be here already."""
    return {one.permanent, names.make_permanent(*delivery_name(one))}


def delivery_name(one: Kept) -> tuple[int, bytes]:
    """Date and unique part with which it is delivered again.

    Our own names come back as they were; a name that another program gave is hashed, always to
    the same, so that doing it twice changes nothing.
    """
    parts = one.permanent.split(b".")
    ours = len(parts) == 3 and parts[2] == names.HOST and parts[0].lstrip(b"-").isdigit()
    if ours and not re.search(rb"[/,:\n\0]", parts[1]) and parts[1]:
        return int(parts[0]), parts[1]
    date, short = names.sort_key(one.permanent)[0], names.short_name(one.permanent)
    return date, short.split(b".")[1]


def missing(chosen: Iterable[Kept], here: Mapping[str, Collection[bytes]]) -> list[Kept]:
    """Those that are not here by name; `here` are permanent names by directory."""
    return [one for one in chosen if not names_after(one) & set(here.get(one.directory, ()))]


def about(engine: Engine, version: str, scratch: Path) -> About:
    """What a version says about itself. Blocks.

    Raises:
        TargetTrouble: it is damaged, or of a newer format.
    """
    engine.restore(version, scratch, [f"/{view.ABOUT}"])
    try:
        data = (scratch / view.ABOUT).read_bytes()
    except FileNotFoundError:
        raise TargetTrouble(Kind.DAMAGED, engine.repository.name, "no about.json") from None
    return view.read_about(data, engine.repository.name)
