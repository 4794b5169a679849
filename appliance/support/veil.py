"""Text without names: who or what it tells of has a pseudonym that means nothing outside. Pure.

What may stay is listed, not what must go: numbers that are no telephone's, and the program's own
words. Everything else is replaced, so what nobody thought of is replaced too. A pseudonym is an
HMAC (RFC 2104) under a key that nobody keeps: the same within one bundle, another in the next.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
from collections.abc import Iterable
from typing import Any

_WORD = re.compile(r"[^\W_]+")
_LONGEST_NUMBER = 6  # digits; times stand beside the lines, and telephone numbers are longer
_TIME = re.compile(r"\d\d?:\d\d:\d\d(?:\.\d{1,6})?\Z")
_FILES = frozenset(("json", "log", "pem", "py", "sock", "toml", "txt"))
_TOKEN = re.compile(
    r"(?P<address>[^\s<>()\[\]\"',;:=]+@[\w.-]*\w)"
    r"|(?P<ip>(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?!\w)"
    r"|(?<![\w:])[0-9A-Fa-f]*:[0-9A-Fa-f:]*:[0-9A-Fa-f.]*(?!\w))"
    r"|(?P<host>(?:[^\W_](?:[\w-]*[^\W_])?\.)+[^\W_](?:[\w-]*[^\W_])?)"
    r"|(?P<word>[^\W_]+)"
)


def words(text: str) -> set[str]:
    """The words of a text, in one case."""
    return {each.casefold() for each in _WORD.findall(text)}


class Veil:
    """Replaces what is not known to be harmless."""

    def __init__(self, key: bytes, known: Iterable[str], names: Iterable[str]) -> None:
        """`key`: random, for one bundle; `known`: words that may stay, in one case; `names`: of
        people and places here, of which no word stays even if the program uses it as well."""
        hidden: set[str] = set()
        for each in names:
            hidden |= words(each)
        self._key = key
        self._known = frozenset(known) - hidden

    def text(self, text: str) -> str:
        """The same with pseudonyms: person-1f2e3d4c@domain-..., host-..., ip-..., word-... ."""
        return _TOKEN.sub(self._replaced, text)

    def tree(self, value: Any) -> Any:
        """The same for all texts in lists and objects of JSON, the keys of objects too."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(str(key)): self.tree(each) for key, each in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self.tree(each) for each in value]
        if isinstance(value, bool | int | float) or value is None:
            return value
        return self.text(str(value))

    def _replaced(self, found: re.Match[str]) -> str:
        text = found[0]
        if found["address"]:
            local, _, domain = text.rpartition("@")
            return f"{self._pseudonym('person', local)}@{self._pseudonym('domain', domain)}"
        if found["ip"]:
            return self._address_of_a_host(text)
        if found["host"]:
            return text if self._is_ours(text) else self._pseudonym("domain", text)
        return text if self._stays(text) else self._pseudonym("word", text)

    def _address_of_a_host(self, text: str) -> str:
        bare = text.rstrip(".")  # of a sentence
        if _TIME.match(bare) or not _WORD.search(bare):
            return text
        try:
            address = ipaddress.ip_address(bare)
        except ValueError:  # that of a card, or something like it
            return self._pseudonym("ip", bare)
        return text if address.is_loopback else self._pseudonym("ip", address.exploded)

    def _is_ours(self, text: str) -> bool:
        """Whether something with dots is a file, a class or a version of this program's."""
        parts = text.split(".")
        if all(each.isdecimal() for each in parts):
            return len(parts) < 4
        last = parts[-1]
        is_class = not last.islower() and not last.isupper()
        is_known = all(self._stays(each) for each in _WORD.findall(text))
        return is_known and (last in _FILES or is_class)

    def _stays(self, word: str) -> bool:
        if word.isdecimal():
            return word.isascii() and len(word) <= _LONGEST_NUMBER
        return word.casefold() in self._known

    def _pseudonym(self, kind: str, text: str) -> str:
        said = f"{kind}\0{text.casefold()}".encode("utf-8", "surrogatepass")
        return f"{kind}-{hmac.new(self._key, said, hashlib.sha256).hexdigest()[:8]}"
