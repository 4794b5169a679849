"""Mail servers that cannot be installed side by side: each in a small root of its own.

The roots are made once from the machine's own package sources and kept below var/roots.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

ROOTS = Path(__file__).parents[2] / "var" / "roots"
_PASSWD = """root:x:0:0:root:/root:/bin/sh
mail:x:8:8:mail:/var/mail:/usr/sbin/nologin
Debian-exim:x:101:101::/var/spool/exim4:/usr/sbin/nologin
opensmtpd:x:102:102::/var/lib/opensmtpd/empty:/usr/sbin/nologin
opensmtpq:x:103:103::/var/lib/opensmtpd/empty:/usr/sbin/nologin
anna:x:1000:1000::/home/anna:/bin/sh
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
"""
_GROUP = """root:x:0:
mail:x:8:
Debian-exim:x:101:
opensmtpd:x:102:
opensmtpq:x:103:
anna:x:1000:
nogroup:x:65534:
"""


def root(name: str, *packages: str) -> Path:
    """The root of that name, made if it is not there. Needs to be the superuser."""
    folder = ROOTS / name
    if not (folder / "etc" / "passwd").exists():
        shutil.rmtree(folder, ignore_errors=True)
        ROOTS.mkdir(parents=True, exist_ok=True)
        sources = [
            str(path)
            for path in (
                Path("/etc/apt/sources.list"),
                *sorted(Path("/etc/apt/sources.list.d").glob("*.sources")),
                *sorted(Path("/etc/apt/sources.list.d").glob("*.list")),
            )
            if path.exists() and path.stat().st_size
        ]
        included = ",".join(packages)
        subprocess.run(
            ["mmdebstrap", "--quiet", "--variant=extract", f"--include={included}", "", str(folder),
             *sources],
            check=True, timeout=300, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        if (folder / "bin" / "dash").exists() and not (folder / "bin" / "sh").exists():
            (folder / "bin" / "sh").symlink_to("dash")  # what its maintainer script would do
        (folder / "etc" / "hosts").write_text("127.0.0.1 localhost\n")
        (folder / "etc" / "nsswitch.conf").write_text("hosts: files dns\n")
        (folder / "etc" / "resolv.conf").write_text("nameserver 127.0.0.1\n")
        (folder / "etc" / "group").write_text(_GROUP)
        (folder / "etc" / "passwd").write_text(_PASSWD)
    return folder


class Rooted:
    """A program in a root, and the Maildir of anna there."""

    name = ""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None
        self.home = folder / "home" / "anna"
        shutil.rmtree(self.home, ignore_errors=True)
        self.home.mkdir(parents=True)
        os.chown(self.home, 1000, 1000)

    def run(self, command: list[str], *, listens: tuple[str, int]) -> None:
        """Start it and wait until it listens."""
        log = (self.folder / "out").open("wb")
        self.process = subprocess.Popen(
            ["chroot", str(self.folder), *command],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
        end = time.monotonic() + 15
        while time.monotonic() < end:
            assert self.process.poll() is None, self.log()
            with contextlib.suppress(OSError):
                socket.create_connection(listens, 1).close()
                return
            time.sleep(0.05)
        raise AssertionError(f"{self.name} does not listen: {self.log()}")

    def stop(self) -> None:
        """End it with all its processes."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait(15)
            self.process = None

    def log(self) -> str:
        """What it said."""
        return (self.folder / "out").read_text("utf-8", "replace")

    def mail(self) -> list[bytes]:
        """What anna got."""
        return [path.read_bytes() for path in self.home.glob("Maildir/new/*")]


_EXIM = """
exim_user = Debian-exim
exim_group = Debian-exim
primary_hostname = mx.exim.test
log_file_path = /var/log/exim4/%slog
spool_directory = /var/spool/exim4
daemon_smtp_ports = {port}
local_interfaces = <; {four} ; {six}
keep_environment =
tls_certificate = /etc/mx.pem
tls_advertise_hosts = *
acl_smtp_rcpt = accept_all
acl_smtp_data = accept_all
smtp_accept_max = 50
queue_run_max = 5
disable_ipv6 = false
never_users =
begin acl
accept_all:
  accept
begin routers
office:
  driver = manualroute
  domains = office.test
  transport = out
  route_list = * {target} byname
  self = send
here:
  driver = accept
  domains = exim.test : eximsix.test
  transport = box
begin transports
out:
  driver = smtp
  port = {target_port}
  hosts_require_tls = *
  tls_verify_certificates = /etc/ca.pem
  tls_verify_hosts = *
box:
  driver = appendfile
  directory = /home/anna/Maildir
  maildir_format
  user = anna
  create_directory
begin retry
* * F,1h,5s
"""


class Exim(Rooted):
    """Exim as Debian has it."""

    name = "Exim"

    def __init__(self) -> None:
        super().__init__(root("exim", "exim4-daemon-light", "openssl"))

    def start(self, where: tuple[str, str], port: int, target: str, target_port: int) -> None:
        """Listen at an IPv4 and an IPv6 address; send mail for office.test to `target`."""
        conf = self.folder / "etc" / "exim4" / "exim4.conf"
        conf.write_text(
            _EXIM.format(
                port=port, four=where[0], six=where[1], target=target,
                target_port=target_port,
            )
        )  # fmt: skip
        for part in ("var/spool/exim4", "var/log/exim4"):
            shutil.rmtree(self.folder / part, ignore_errors=True)
            (self.folder / part).mkdir(parents=True)
            os.chown(self.folder / part, 101, 101)
        command = ["/usr/sbin/exim4", "-bdf", "-q5s"]
        self.run(command, listens=(where[0], port))

    def log(self) -> str:
        """What it said, with its own log."""
        main = self.folder / "var" / "log" / "exim4" / "mainlog"
        return super().log() + (main.read_text() if main.exists() else "")


_OPENSMTPD = """
pki ours cert "/etc/mx.pem"
pki ours key "/etc/mx.key"
ca us cert "/etc/ca.pem"
queue ttl 1h
listen on {four} port {port} tls pki ours hostname mx.opensmtpd.test
listen on {six} port {port} tls pki ours hostname mx.opensmtpd.test
action "in" maildir "/home/anna/Maildir"
action "out" relay host "smtp+tls://{target}:{target_port}" tls ca us
match from any for domain "opensmtpd.test" action "in"
match from any for domain "opensmtpdsix.test" action "in"
match from any for domain "office.test" action "out"
"""


class OpenSmtpd(Rooted):
    """OpenSMTPD as Debian has it."""

    name = "OpenSMTPD"

    def __init__(self) -> None:
        super().__init__(root("opensmtpd", "opensmtpd", "openssl", "dash"))

    def start(self, where: tuple[str, str], port: int, target: str, target_port: int) -> None:
        """Listen at an IPv4 and an IPv6 address; send mail for office.test to `target`."""
        conf = self.folder / "etc" / "smtpd.conf"
        conf.write_text(
            _OPENSMTPD.format(
                port=port, four=where[0], six=where[1], target=target, target_port=target_port
            )
        )
        for part in ("var/spool/smtpd", "var/lib/opensmtpd/empty", "var/run", "run"):
            (self.folder / part).mkdir(parents=True, exist_ok=True)
        shutil.rmtree(self.folder / "var/spool/smtpd")
        (self.folder / "var/spool/smtpd").mkdir(mode=0o711)
        self.run(["/usr/sbin/smtpd", "-d", "-f", "/etc/smtpd.conf"], listens=(where[0], port))
