"""The server that is left: a real Dovecot with folders, flags and dates as people have them."""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import shutil
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imapclient import IMAPClient

from tests.migration.authorization import Authorization
from tests.relay.authority import Authority
from tests.support.box import Box, Person, wait_until
from tests.support.dovecot import PASSWORD, Provider

SETTINGS = '[fetch]\nca_file = "{ca}"\n{more}'
# As many providers have it: a prefix before all names, dots between their levels.
_NAMESPACE = """
auth_failure_delay = 0
mail_plugins = $mail_plugins listescape
namespace inbox {
  prefix = INBOX.
  separator = .
  mailbox Gesendet {
    special_use = \\Sent
  }
}
namespace public {
  type = public
  prefix = Public.
  separator = .
  location = maildir:FOLDER/public
}
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
"""
Picture = dict[str, list[tuple[str, float, tuple[bytes, ...]]]]
"""By folder: digest, internal date and flags of each message, sorted."""


@dataclass
class Old:
    """The old server."""

    provider: Provider
    authority: Authority
    authorization: Authorization = field(init=False)

    @contextmanager
    def client(self, user: str) -> Iterator[IMAPClient]:
        context = ssl.create_default_context(cafile=str(self.authority.file))
        with _logged_in("localhost", self.provider.ports["imaps"], context, user, PASSWORD) as it:
            yield it

    def picture(self, user: str) -> Picture:
        with self.client(user) as client:
            return picture(client)


@contextmanager
def old_server(*, namespace: str = _NAMESPACE) -> Iterator[Old]:
    """A running one, in a folder that its own user may enter."""
    folder = Path(tempfile.mkdtemp(prefix="old-server-", dir="/var/tmp"))
    folder.chmod(0o755)
    authority = Authority(folder)
    authority.server("localhost")
    provider = Provider(
        folder / "dovecot",
        folder / "localhost-30.pem",
        more=namespace.replace("FOLDER", str(folder)),
    )
    _share(folder / "public", provider)
    try:
        provider.start()
        yield Old(provider, authority)
    finally:
        provider.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _share(folder: Path, provider: Provider) -> None:
    """A folder with mail that everybody sees."""
    box = folder / ".Everybody"
    for each in (folder, box, *(box / part for part in ("cur", "new", "tmp"))):
        each.mkdir()
    (box / "new" / "1.M1.provider").write_bytes(b"Subject: for all\r\n\r\n")
    owner = (provider.folder / "mail").stat()
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, owner.st_uid, owner.st_gid)


@contextmanager
def _logged_in(
    host: str, port: int, context: ssl.SSLContext, user: str, password: str
) -> Iterator[IMAPClient]:
    client = IMAPClient(host, port, ssl_context=context, timeout=30)
    client.normalise_times = False
    client.login(user, password)
    try:
        yield client
    finally:
        client.logout()


def at_the_box(box: Box, person: Person) -> Any:
    """Somebody's session at the box."""
    return _logged_in("localhost", box.port(993), box.tls(), person.address, person.password)


def picture(client: IMAPClient) -> Picture:
    """Every folder with mail and what is in it, read without changing anything."""
    found: Picture = {}
    for marks, _, name in client.list_folders():
        if b"\\Noselect" in marks or name.startswith("Public"):
            continue
        client.select_folder(name, readonly=True)
        items = ["INTERNALDATE", "FLAGS", "BODY.PEEK[]"]
        messages = client.fetch(client.search("ALL"), items).values()
        if messages:
            found[name] = sorted(_facts(each) for each in messages)
    return found


def _facts(message: Any) -> tuple[str, float, tuple[bytes, ...]]:
    flags = sorted(each for each in message[b"FLAGS"] if each != b"\\Recent")
    date = message[b"INTERNALDATE"].timestamp()
    return hashlib.sha256(message[b"BODY[]"]).hexdigest(), date, tuple(flags)


def picture_here(box: Box, person: Person) -> Picture:
    with at_the_box(box, person) as client:
        return picture(client)


def day(number: int) -> datetime.datetime:
    """An internal date, far from today."""
    zone = datetime.timezone(datetime.timedelta(hours=number % 3))
    return datetime.datetime(2011 + number % 9, 1 + number % 12, 1 + number % 28, 7, 8, 9, 0, zone)


# --- moves


def begin(box: Box, old: Old, user: str, person: Person) -> int:
    """Set a move up; its number."""
    said = box.cli(
        "move-in", "add", person.address, "localhost", user,
        "--port", str(old.provider.ports["imaps"]), "--password-stdin", stdin=f"{PASSWORD}\n",
    )  # fmt: skip
    return int(said.split(":")[0].split()[-1])


def move(box: Box, number: int) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(box.cli("move-in", "status", str(number), "--json"))
    return found


def copied(box: Box, number: int, *, seconds: float = 40.0) -> dict[str, Any]:
    """Wait until all has been copied."""
    wait_until(lambda: move(box, number)["state"] == "following", "all is copied", seconds=seconds)
    return move(box, number)


def looked(box: Box, number: int) -> dict[str, Any]:
    """Have it look once more; how it is then."""
    wait_until(lambda: not move(box, number)["is_busy"], "it rests")
    before = move(box, number)["last_at"]
    box.cli("move-in", "now", str(number))
    wait_until(lambda: move(box, number)["last_at"] != before, "it has looked", seconds=30)
    return move(box, number)
