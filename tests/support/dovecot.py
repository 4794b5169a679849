"""A provider: a real Dovecot with mailboxes, over IMAP and POP3 with TLS, on loopback ports."""

from __future__ import annotations

import itertools
import os
import pwd
import signal
import socket
import subprocess
import time
from pathlib import Path

PASSWORD = "the-providers-password"
_CONFIG = """
protocols = imap pop3
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
default_internal_user = dovecot
default_login_user = dovenull
listen = 127.0.0.1
ssl = required
ssl_cert = <{certificate}
ssl_key = <{certificate}
auth_mechanisms = plain login xoauth2 oauthbearer
mail_location = maildir:{folder}/mail/%n
mail_uid = {user}
mail_gid = {group}
first_valid_uid = 1
namespace inbox {{
  inbox = yes
}}
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={folder}/mail/%n allow_all_users=yes
}}
service imap-login {{
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
}}
service pop3-login {{
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = {pop3s}
    ssl = yes
  }}
}}
mail_max_userip_connections = 100
pop3_uidl_format = %08Xu%08Xv
{more}
"""


class Provider:
    """Start it, give it mail, look what is left."""

    def __init__(self, folder: Path, certificate: Path, *, more: str = "") -> None:
        self.folder = folder
        for part in ("run", "state", "mail"):
            (folder / part).mkdir(parents=True)
        owner = pwd.getpwnam("mail")
        self._owner = (owner.pw_uid, owner.pw_gid)
        os.chown(folder / "mail", *self._owner)
        self.ports = dict(zip(("imap", "imaps", "pop3", "pop3s"), _free_ports(4), strict=True))
        (folder / "dovecot.conf").write_text(
            _CONFIG.format(
                folder=folder, certificate=certificate, user=self._owner[0],
                group=self._owner[1], more=more, password=PASSWORD, **self.ports,
            )
        )  # fmt: skip
        self._numbers = itertools.count(1)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Run it."""
        self._process = subprocess.Popen(
            ["/usr/sbin/dovecot", "-F", "-c", str(self.folder / "dovecot.conf")],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        end = time.monotonic() + 20
        while time.monotonic() < end:
            assert self._process.poll() is None, self.log()
            try:
                socket.create_connection(("127.0.0.1", self.ports["imaps"]), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise AssertionError(f"Dovecot does not listen: {self.log()}")

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(20)
            self._process = None

    def log(self) -> str:
        """What it wrote."""
        path = self.folder / "dovecot.log"
        return path.read_text("utf-8", "replace") if path.exists() else ""

    def user(self, name: str) -> str:
        """A mailbox."""
        for part in ("", "cur", "new", "tmp"):
            (self._maildir(name) / part).mkdir(exist_ok=True)
            os.chown(self._maildir(name) / part, *self._owner)
        return name

    def deliver(self, user: str, *messages: bytes) -> None:
        """Put messages into a mailbox."""
        for message in messages:
            name = f"{int(time.time())}.M{next(self._numbers)}.provider"
            path = self._maildir(user) / "tmp" / name
            path.write_bytes(message)
            os.chown(path, *self._owner)
            path.rename(self._maildir(user) / "new" / name)

    def marks(self, user: str) -> bytes:
        """Under which UIDVALIDITY and UIDs it knows its messages."""
        return (self._maildir(user) / "dovecot-uidlist").read_bytes().partition(b"\n")[0]

    def forget_marks(self, user: str) -> None:
        """As after a move to another machine; while it does not run."""
        for path in self._maildir(user).glob("dovecot*"):
            path.unlink()

    def left(self, user: str) -> int:
        """How many messages are in a mailbox."""
        return sum(len(list((self._maildir(user) / part).iterdir())) for part in ("new", "cur"))

    def _maildir(self, user: str) -> Path:
        return self.folder / "mail" / user


def _free_ports(number: int) -> list[int]:
    found = [socket.socket() for _ in range(number)]
    for each in found:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in found]
    for each in found:
        each.close()
    return ports
