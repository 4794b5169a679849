"""The two sides: our daemon, and Dovecot with Postfix from Debian, each in its own folder."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

from appliance import control

PASSWORD = b"benchmark-pass"
_TICKS = os.sysconf("SC_CLK_TCK")


class Meter:
    """Counts the CPU time of everything that a command starts, to the nanosecond, by a control
    group where there is one; else by the clock ticks of the process tree."""

    def __init__(self, name):
        self.group = Path(f"/sys/fs/cgroup/cpuacct/pillarbox-bench-{os.getpid()}-{name}")
        try:
            self.group.mkdir()
        except OSError:
            self.group = None

    def start(self, words, **options):
        if self.group is not None:
            words = ["sh", "-c", f'echo $$ > {self.group}/cgroup.procs; exec "$@"', "sh", *words]
        self.pid = (process := subprocess.Popen(words, **options)).pid
        return process

    def seconds(self):
        if self.group is not None:
            return int((self.group / "cpuacct.usage").read_text()) / 1e9
        return _tree_seconds(self.pid)


def _tree_seconds(pid):
    """User and system time of a process, its living descendants, and all dead ones they reaped."""
    total = 0
    for process in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
        try:
            fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += sum(int(field) for field in fields[11:15])
    return total / _TICKS


def pss_octets(pid):
    """Proportional set size of a process and its descendants."""
    total = 0
    for process in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
        try:
            total += process.memory_full_info().pss
        except psutil.Error:
            continue
    return total


def run_until(condition, seconds, what):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.05)


class Ours:
    """Our daemon with simulated hardware."""

    name = "Pillarbox"

    def __init__(self, folder, base):
        self.state, self.base = Path(folder), base
        self.meter = Meter("ours")
        self.process = None
        self.state.mkdir(parents=True, exist_ok=True)
        generous = "connections_per_address = 10000\nconnections_per_minute = 1000000\n"
        (self.state / "settings.toml").write_text(
            f"[server]\nlog_level = 'warning'\n[smtp]\n{generous}greeting_delay_ms = 0\n[imap]\n{generous}connections_per_account = 1000\n[pop3]\n{generous}[sending]\nrecipients_per_hour = 1000000\nrecipients_per_day = 1000000\n"
        )

    def pillarbox(self, *words, given=b""):
        subprocess.run(
            [sys.executable, "-m", "appliance", "--state", self.state, *words],
            input=given,
            check=True,
        )

    def add_user(self, user):
        address = f"{user}@office.test"
        self.pillarbox("account", "add", address, "--password-stdin", given=PASSWORD + b"\n")

    def maildir(self, user):
        return self.state / "mail" / "people" / f"{user}@office.test"

    def start(self, *, wait=True):
        words = ["-m", "appliance", "run", "--state", self.state, "--simulate"]
        words += ["--port-base", str(self.base), "--bind", "127.0.0.1"]
        self.process = self.meter.start([sys.executable, *words])
        if wait:
            run_until(self._answers, 60, "our daemon did not start")

    def _answers(self):
        try:
            return bool(control.ask(self.state, "status"))
        except ConnectionError:
            return False

    def stop(self):
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(10)
            self.process = None

    def forget_index(self, user):
        shutil.rmtree(self.state / "mail" / "index" / f"{user}@office.test", ignore_errors=True)

    def user(self, user):
        return f"{user}@office.test".encode()

    def port(self, number):
        return self.base + number

    def cpu(self):
        return self.meter.seconds()

    def pss(self):
        return pss_octets(self.process.pid)


DOVECOT = """
protocols = imap pop3 lmtp
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
default_internal_user = dovecot
default_login_user = dovenull
listen = 127.0.0.1
ssl = yes
ssl_cert = <{cert}
ssl_key = <{cert}
disable_plaintext_auth = no
auth_mechanisms = plain login
mail_location = maildir:{folder}/mail/%n
mail_uid = benchmail
mail_gid = benchmail
first_valid_uid = 100
namespace inbox {{
  inbox = yes
}}
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid=benchmail gid=benchmail home={folder}/mail/%n allow_all_users=yes
}}
service imap-login {{
  {login}
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
}}
service pop3-login {{
  {login}
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = 0
  }}
}}
service imap {{
  {mail}
  process_limit = 1024
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {lmtp}
  }}
}}
service anvil {{
  client_limit = 4000
}}
service auth {{
  client_limit = 4000
}}
mail_max_userip_connections = 2000
protocol imap {{
  mail_max_userip_connections = 2000
}}
"""


class Dovecot:
    """Dovecot; `reused`: login and mail processes serve many clients one after the other."""

    def __init__(self, folder, base, cert, *, reused):
        self.folder, self.base, self.reused = Path(folder), base, reused
        self.name = f"Dovecot ({'reused processes' if reused else 'default'})"
        self.meter = Meter(self.folder.name)
        self.process = None
        for part in ("run", "state", "mail"):
            (self.folder / part).mkdir(parents=True, exist_ok=True)
        subprocess.run(
            ["useradd", "--system", "--no-create-home", "benchmail"],
            check=False,
            capture_output=True,
        )
        account = pwd.getpwnam("benchmail")
        self.owner = (account.pw_uid, account.pw_gid)
        os.chown(self.folder / "mail", *self.owner)
        for parent in [self.folder, *self.folder.parents]:
            if parent.stat().st_mode & 0o005 != 0o005 and str(parent).startswith("/tmp/"):
                parent.chmod(0o755)
        login = "service_count = 0\n  process_min_avail = 1" if reused else ""
        self.config = self.folder / "dovecot.conf"
        self.config.write_text(
            DOVECOT.format(
                folder=self.folder,
                cert=cert,
                password=PASSWORD.decode(),
                login=login,
                mail="service_count = 200" if reused else "",
                imap=self.port(143),
                imaps=self.port(993),
                pop3=self.port(110),
                lmtp=self.port(24),
            )
        )

    def add_user(self, user):
        (self.folder / "mail" / user).mkdir(exist_ok=True)

    def maildir(self, user):
        return self.folder / "mail" / user

    def start(self):
        for user in (self.folder / "mail").iterdir():
            for root, folders, files in os.walk(user):
                for name in [root, *(os.path.join(root, f) for f in [*folders, *files])]:
                    os.chown(name, *self.owner)
        self.process = self.meter.start(
            ["dovecot", "-F", "-c", self.config], stderr=subprocess.DEVNULL
        )
        run_until((self.folder / "run" / "master.pid").exists, 20, "Dovecot did not start")
        time.sleep(1)

    def stop(self):
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(20)
            self.process = None

    def forget_index(self, user):
        for file in self.maildir(user).rglob("dovecot*index*"):
            file.unlink()
        for file in self.maildir(user).rglob("dovecot-uidlist"):
            file.unlink()

    def user(self, user):
        return user.encode()

    def port(self, number):
        return self.base + number

    def cpu(self):
        return self.meter.seconds()

    def pss(self):
        return pss_octets(self.process.pid)


POSTFIX = """
compatibility_level = 3.6
queue_directory = {folder}/spool
data_directory = {folder}/data
mail_owner = postfix
setgid_group = postdrop
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.office.test
mydestination =
mynetworks = 127.0.0.0/8
relayhost = [127.0.0.1]:24026
virtual_mailbox_domains = office.test
virtual_mailbox_maps = static:ok
virtual_transport = lmtp:inet:127.0.0.1:{lmtp}
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
maillog_file = {folder}/postfix.log
maillog_file_prefixes = {folder}
lmtp_destination_concurrency_limit = 20
in_flow_delay = 0
smtpd_client_connection_rate_limit = 0
"""


class Postfix:
    """Postfix in front of a Dovecot's LMTP."""

    def __init__(self, folder, port, lmtp):
        self.folder, self.listening = Path(folder), port
        self.meter = Meter("postfix")
        self.process = None
        for part in ("spool", "data", "conf"):
            (self.folder / part).mkdir(parents=True, exist_ok=True)
        shutil.chown(self.folder / "data", "postfix")
        conf = self.folder / "conf"
        shutil.copy("/etc/postfix/master.cf", conf / "master.cf") if Path(
            "/etc/postfix/master.cf"
        ).exists() else shutil.copy("/usr/share/postfix/master.cf.dist", conf / "master.cf")
        (conf / "main.cf").write_text(POSTFIX.format(folder=self.folder, lmtp=lmtp))
        lines = []
        for line in (conf / "master.cf").read_text().splitlines():
            words = line.split()
            if len(words) > 7 and words[0] == "smtp" and words[1] == "inet":
                line = f"127.0.0.1:{port} inet n - n - - smtpd"
            elif len(words) > 7 and not line.startswith(("#", " ")) and words[4] == "y":
                line = " ".join([*words[:4], "n", *words[5:]])
            lines.append(line)
        (conf / "master.cf").write_text("\n".join(lines) + "\n")
        os.symlink("/etc/postfix/dynamicmaps.cf", conf / "dynamicmaps.cf") if Path(
            "/etc/postfix/dynamicmaps.cf"
        ).exists() and not (conf / "dynamicmaps.cf").exists() else None

    def start(self):
        subprocess.run(
            ["postfix", "-c", self.folder / "conf", "set-permissions"],
            check=False,
            capture_output=True,
        )
        self.process = self.meter.start(
            ["postfix", "-c", self.folder / "conf", "start-fg"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(3)

    def stop(self):
        if self.process is not None:
            subprocess.run(
                ["postfix", "-c", self.folder / "conf", "stop"], check=False, capture_output=True
            )
            self.process.wait(20)
            self.process = None

    def cpu(self):
        return self.meter.seconds()
