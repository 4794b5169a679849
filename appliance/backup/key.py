"""The key of the backups: 128 random bits, twelve words on paper, the password of restic.

The words are those of BIP 39, so each differs from the others in its first four letters and the
last one carries a checksum. The password is the words with blanks between, lower case: with the
sheet and plain restic a backup can be opened without this program. Kept in STATE/backup.key.
"""

from __future__ import annotations

import difflib
import secrets
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mnemonic import Mnemonic

from appliance import files
from appliance.errors import BadSettings, NotFound, Refused

FILE = "backup.key"
WORDS = 12


@dataclass(frozen=True, slots=True)
class Key:
    """Twelve words; never printed by accident."""

    words: tuple[str, ...]

    def __repr__(self) -> str:
        return "Key(...)"

    @property
    def password(self) -> str:
        """What restic is given."""
        return " ".join(self.words)


@cache
def _language() -> Mnemonic:
    return Mnemonic("english")


@cache
def _known_words() -> frozenset[str]:
    return frozenset(_language().wordlist)


def make() -> Key:
    """A new key."""
    return Key(tuple(_language().to_mnemonic(secrets.token_bytes(16)).split()))


def read(text: str) -> Key:
    """The key from words that somebody typed; numbers and line ends between them do not matter.

    Raises:
        Refused: which word is wrong, how many are missing, or that they do not fit together.
    """
    words = listed(text)
    if len(words) < WORDS:
        raise Refused(
            f"The recovery sheet has {WORDS} words; {WORDS - len(words)} are missing "
            f"(word {len(words) + 1} comes next)."
        )
    if len(words) > WORDS:
        raise Refused(f"The recovery sheet has {WORDS} words; these are {len(words)}.")
    if not _language().check(" ".join(words)):
        raise Refused("These words do not fit together; compare each with the recovery sheet.")
    return Key(tuple(words))


def some(count: int) -> tuple[str, ...]:
    """Random words of the list, 11 bits each, for something else than backups."""
    return tuple(secrets.choice(_language().wordlist) for _ in range(count))


def listed(text: str) -> list[str]:
    """The words that somebody typed, whole. Raises Refused: which is none of the list."""
    words = [_completed(word) for word in _typed(text)]
    for number, word in enumerate(words, 1):
        if word not in _known_words():
            raise Refused(f"Word {number} ({word!r}) is none of the list{_like(word)}.")
    return words


def _typed(text: str) -> list[str]:
    parts = text.lower().replace(".", " ").replace(",", " ").replace(")", " ").split()
    return [part for part in parts if not part.isdigit()]


def _completed(word: str) -> str:
    """Four letters are enough to know a word."""
    if word in _known_words() or len(word) < 4:
        return word
    found = [one for one in _known_words() if one.startswith(word)]
    return found[0] if len(found) == 1 else word


def _like(word: str) -> str:
    near = difflib.get_close_matches(word, sorted(_known_words()), 2, 0.7)
    return f"; is it {' or '.join(near)}?" if near else "; look at it again"


# --- in STATE


def load(state: Path) -> Key:
    """The key of this box. Blocks.

    Raises:
        NotFound: it has none yet.
        BadSettings: the file is damaged.
    """
    try:
        text = files.read(state / FILE).decode("ascii", "replace")
    except FileNotFoundError:
        raise NotFound("This box has no backup key yet.") from None
    try:
        return read(text)
    except Refused as error:
        raise BadSettings(
            f"{state / FILE} is damaged; write the words of the recovery sheet into it. {error}"
        ) from None


def load_or_make(state: Path) -> Key:
    """The key of this box, made when first asked for. Blocks."""
    try:
        return load(state)
    except NotFound:
        key = make()
        keep(state, key)
        return key


def keep(state: Path, key: Key) -> None:
    """Write the key down; durable and readable by us only. Blocks."""
    files.make_directories(state)
    files.replace(state / FILE, key.password.encode() + b"\n")
