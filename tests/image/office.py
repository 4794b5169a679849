"""Ways to a box in QEMU for the clients of tests/torture, and what is on its card after a cut."""

from __future__ import annotations

import contextlib
import imaplib
import poplib
import re
import smtplib
import ssl
import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.box import Person

STATE_BEGINS = 2640 << 20  # on the card (image/card.sh)
PEOPLE = [Person(f"{name}@office.test", f"correct horse {name}") for name in ("kim", "lou", "max")]
_TOKEN = re.compile(rb"\r\nX-Token: (\S+)")
_UID = re.compile(r",U=(\d+)")


class SecureWays:
    """How mail programs of the office reach it: with TLS, logged in."""

    def __init__(self, ports: Mapping[int, int]) -> None:
        self._ports = ports
        self._tls = ssl._create_unverified_context()

    def sender(self, person: Person) -> str:
        return person.address

    def smtp(self, person: Person) -> smtplib.SMTP:
        client = smtplib.SMTP_SSL("127.0.0.1", self._ports[465], timeout=30, context=self._tls)
        client.login(person.address, person.password)
        return client

    def imap(self) -> imaplib.IMAP4:
        return imaplib.IMAP4_SSL("127.0.0.1", self._ports[993], timeout=30, ssl_context=self._tls)

    def pop3(self) -> poplib.POP3:
        return poplib.POP3_SSL("127.0.0.1", self._ports[995], timeout=30, context=self._tls)


@dataclass(frozen=True, slots=True)
class Remains:
    """What a card holds after a cut."""

    clean: bool  # the file system, once its journal was played back
    said: str  # by e2fsck
    mailboxes: Counter[str] = field(default_factory=Counter)  # by token: files in Maildirs
    queued: Counter[str] = field(default_factory=Counter)  # by token: files in the queue
    doubled_uids: tuple[str, ...] = ()


def look_at(card: Path, folder: Path) -> Remains:
    """Play the journal of the state partition back, as the box does when it starts, and read it."""
    state = _state_image(card, folder)
    mended = subprocess.run(["e2fsck", "-p", state], capture_output=True, text=True, check=False)
    looked = subprocess.run(["e2fsck", "-fn", state], capture_output=True, text=True, check=False)
    clean = mended.returncode in {0, 1} and looked.returncode == 0
    with mounted(state, folder / "state") as root:
        mail = root / "pillarbox/mail"
        return Remains(
            clean, mended.stdout + looked.stdout,
            _tokens(mail / "people"), _tokens(mail / "queue"), _doubled_uids(mail / "people"),
        )  # fmt: skip


@contextlib.contextmanager
def state_of(card: Path, folder: Path) -> Iterator[Path]:
    """The files of a card's state partition, after the plug was pulled; `card` keeps its own."""
    state = _state_image(card, folder)
    subprocess.run(["e2fsck", "-p", state], check=False, capture_output=True)
    with mounted(state, folder / "state") as root:
        yield root
    state.unlink()


def _state_image(card: Path, folder: Path) -> Path:
    state = folder / "state.img"
    layer = f"driver=raw,offset={STATE_BEGINS},file.driver=qcow2,file.file.filename={card}"
    subprocess.run(["qemu-img", "convert", "--image-opts", layer, "-O", "raw", state], check=True)
    return state


@contextlib.contextmanager
def mounted(image: Path, place: Path, *, how: str = "ro") -> Iterator[Path]:
    """The files of an image."""
    place.mkdir(exist_ok=True)
    subprocess.run(["mount", "-o", f"loop,{how}", image, place], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


def _tokens(folder: Path) -> Counter[str]:
    found: Counter[str] = Counter()
    for path in folder.rglob("*"):
        if (
            path.is_file()
            and path.parent.name != "tmp"
            and (match := _TOKEN.search(path.read_bytes()[:4096]))
        ):
            found[match[1].decode()] += 1
    return found


def _doubled_uids(people: Path) -> tuple[str, ...]:
    """UIDs that two files of one mailbox have."""
    seen: dict[tuple[Path, str], set[str]] = defaultdict(set)
    for path in people.rglob("*"):
        if (
            path.is_file()
            and path.parent.name in {"cur", "new"}
            and (match := _UID.search(path.name))
        ):
            seen[path.parent.parent, match[1]].add(path.name.partition(":")[0])
    return tuple(f"{box.name}/{uid}" for (box, uid), names in seen.items() if len(names) > 1)
