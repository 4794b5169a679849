"""Postfix from Debian as one of the world's servers: takes mail for its domain, and sends."""

from __future__ import annotations

import pwd
import shutil
import subprocess
import time
from pathlib import Path

_MAIN = """
compatibility_level = 3.6
maillog_file = {folder}/log
maillog_file_prefixes = /
queue_directory = {folder}/spool
data_directory = {folder}/data
mail_owner = postfix
myhostname = {name}
mydestination =
inet_interfaces = all
inet_protocols = all
mynetworks = 192.0.2.0/24
relayhost = {relayhost}
virtual_mailbox_domains = {domain}
virtual_mailbox_base = {folder}/boxes
virtual_mailbox_maps = inline:{{{people}}}
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_minimum_uid = 1
smtputf8_enable = yes
smtp_tls_security_level = {level}
smtp_dns_support_level = dnssec
smtp_tls_CAfile = {ca}
smtp_tls_loglevel = 1
smtpd_tls_security_level = {may}
smtpd_tls_chain_files = {certificate}
smtpd_tls_loglevel = 1
smtpd_tls_received_header = yes
local_header_rewrite_clients =
smtpd_recipient_restrictions = reject_unauth_destination
smtputf8_autodetect_classes = all
"""
_MASTER = """
{listen}
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


class Postfix:
    """One instance on addresses of loopback."""

    def __init__(self, folder: Path, *domains: str, people: tuple[str, ...] = ("anna",)) -> None:
        self.folder = folder
        self.domains = domains
        self.name = f"mx.{domains[0]}"
        self.people = people
        self.certificate = ""
        self.relayhost = ""
        self.level = "may"
        self.ca = ""
        self.resolver = ""  # address of a name server that it asks instead of the machine's
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *where: str) -> None:
        """Listen at "127.0.1.2:2525", "[::1]:2525" ..."""
        self.folder.mkdir(parents=True)
        self.folder.chmod(0o755)
        owner = pwd.getpwnam("postfix")
        for part in ("spool", "data", "boxes", "conf"):
            (self.folder / part).mkdir()
        for part in ("data", "boxes"):
            shutil.chown(self.folder / part, "postfix")
        addresses = ((who, domain) for who in self.people for domain in self.domains)
        people = ", ".join(f"{{{who}@{domain} = {who}/}}" for who, domain in addresses)
        conf = self.folder / "conf"
        (conf / "main.cf").write_text(
            _MAIN.format(
                folder=self.folder,
                name=self.name,
                domain=", ".join(self.domains),
                people=people,
                uid=owner.pw_uid,
                gid=owner.pw_gid,
                relayhost=self.relayhost,
                level=self.level,
                ca=self.ca,
                may="may" if self.certificate else "none",
                certificate=self.certificate,
            )
        )
        listen = "\n".join(f"{each} inet n - n - - smtpd" for each in where)
        (conf / "master.cf").write_text(_MASTER.format(listen=listen))
        self.process = subprocess.Popen(
            [*self._with_resolver(), "postfix", "-c", str(conf), "start-fg"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        end = time.monotonic() + 15
        while "daemon started" not in self.log():
            assert time.monotonic() < end, self.log()
            assert self.process.poll() is None, self.log()
            time.sleep(0.1)

    def _with_resolver(self) -> list[str]:
        """A mount namespace in which resolv.conf is another."""
        if not self.resolver:
            return []
        own = self.folder / "resolv.conf"
        own.write_text(f"nameserver {self.resolver}\noptions edns0 trust-ad\n")
        swap = f'mount --bind {own} /etc/resolv.conf && exec "$@"'
        return ["unshare", "--mount", "sh", "-c", swap, "sh"]

    def stop(self) -> None:
        """End it."""
        if self.process is not None:
            conf = str(self.folder / "conf")
            subprocess.run(["postfix", "-c", conf, "stop"], check=False, capture_output=True)
            self.process.wait(20)

    def log(self) -> str:
        """What it says."""
        try:
            return (self.folder / "log").read_text()
        except FileNotFoundError:
            return ""

    def mail(self, who: str) -> list[bytes]:
        """The messages somebody has."""
        folder = self.folder / "boxes" / who / "new"
        return [each.read_bytes() for each in sorted(folder.glob("*"))]

    def send(self, sender: str, recipient: str, message: bytes) -> None:
        """Have it send a message."""
        subprocess.run(
            ["sendmail", "-C", str(self.folder / "conf"), "-f", sender, recipient],
            input=message.replace(b"\r\n", b"\n"),
            check=True,
        )
