"""A running box for tests: the real daemon as a process of its own, with accounts.

`Box` is a context manager; `tests/conftest.py` makes fixtures of it. Leaving it checks what no
test should have to: the daemon is gone, left nothing behind in its process group, and wrote no
traceback.
"""

from __future__ import annotations

import contextlib
import io
import os
import random
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from appliance import control
from appliance.accounts.database import AccountsDatabase
from appliance.accounts.registry import Registry
from appliance.cli import main

ROOT = Path(__file__).parents[2]
PORTS = (25, 80, 110, 143, 443, 465, 587, 993, 995)
DOMAIN = "office.test"
PILLARBOX = (sys.executable, "-m", "appliance")
_READY = "pillarbox: ready"
_OF_SYSTEMD = ("JOURNAL_STREAM", "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
_START_SECONDS = 20.0
_STOP_SECONDS = 10.0
_TRIES = 20  # to find a range of ports that nobody else takes in the same moment


@dataclass(frozen=True, slots=True)
class Person:
    """An account and its password."""

    address: str
    password: str


class Box:
    """One state folder and, most of the time, one daemon on it."""

    def __init__(
        self, folder: Path, *, settings: str = "", bind: str = "127.0.0.1", **environment: str
    ) -> None:
        """`bind`: where it listens; "" means everywhere, by IPv6 too."""
        self.folder = folder
        self.state = folder / "state"
        self.bind = bind
        self.environment = environment
        self.process: subprocess.Popen[bytes] | None = None
        self.port_base = 0
        self.may_log_tracebacks = False
        self._people: dict[str, Person] = {}
        self._numbers = 0
        self._log = folder / "log"
        self._read_from = 0  # where the log of the present run begins
        self.state.mkdir(mode=0o700, parents=True)
        self._log.touch()
        self.write_settings(settings or _by_day())

    # --- life

    def __enter__(self) -> Self:
        with self._registry() as registry:
            registry.add_domain(DOMAIN)
        self.new_person("anna")
        self.new_person("ben")
        self.start()
        return self

    def __exit__(self, kind: object, *_rest: object) -> None:
        if self.is_running:
            self.terminate()
        if kind is None and not self.may_log_tracebacks:
            assert "Traceback" not in self.log(), self.log()

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Start the daemon, on the same ports as before, and wait until it is ready."""
        for _ in range(_TRIES):
            base = self.port_base or free_port_base()
            self.launch(port_base=base)
            if self._gets_ready():
                self.port_base = base
                return
            self.wait()
            if "cannot be used" not in self.log_of_this_run():
                break
            time.sleep(0.5 if self.port_base else 0)  # somebody passes through one of its ports
        raise AssertionError(f"The daemon does not start:\n{self.log_of_this_run()}")

    def launch(self, *more: str, port_base: int = 0) -> subprocess.Popen[bytes]:
        """Start the process and do not wait for anything."""
        assert not self.is_running, "the daemon runs already"
        self._read_from = self._log.stat().st_size
        where = ["--port-base", str(port_base or self.port_base)]
        where += ["--bind", self.bind] if self.bind else []
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [*PILLARBOX, "run", "--state", str(self.state), "--simulate", *where, *more],
                cwd=ROOT,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return self.process

    def _gets_ready(self) -> bool:
        def ready() -> bool:
            return not self.is_running or _READY in self.log_of_this_run()

        with contextlib.suppress(AssertionError):
            wait_until(ready, "the daemon is ready", seconds=_START_SECONDS)
        if self.is_running and _READY in self.log_of_this_run():
            wait_until(lambda: _answers(self.state), "the control socket answers")
            return True
        if self.is_running:
            self.kill()
        return False

    def wait(self, seconds: float = _STOP_SECONDS) -> int:
        """Wait until the daemon is gone with all it started; its exit status."""
        assert self.process is not None
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            raise AssertionError(f"The daemon does not end:\n{self.log_of_this_run()}") from None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
            raise AssertionError("The daemon left processes behind.")
        return status

    def terminate(self, seconds: float = _STOP_SECONDS) -> int:
        """SIGTERM, and wait; its exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.wait(seconds)

    def kill(self) -> None:
        """SIGKILL, as a power cut without the loss of what the kernel holds."""
        assert self.process is not None
        self.process.kill()
        self.wait()

    def write_settings(self, text: str) -> None:
        """What the next start finds in settings.toml."""
        path = self.state / "settings.toml"
        path.write_text(text, "utf-8")
        path.chmod(0o600)

    # --- what is known of it

    def port(self, standard: int) -> int:
        """The port on 127.0.0.1 that stands for a standard one."""
        assert standard in PORTS
        return self.port_base + standard

    @property
    def ca(self) -> Path:
        return self.state / "tls" / "ca.pem"

    @property
    def mail(self) -> Path:
        return self.state / "mail"

    def maildir(self, who: str | Person) -> Path:
        """The folder of somebody's mailboxes."""
        address = who.address if isinstance(who, Person) else self.address(who)
        return self.mail / "people" / address

    def tls(self) -> ssl.SSLContext:
        """What a client trusts that knows the box's CA and nothing else."""
        return ssl.create_default_context(cafile=self.ca)

    def log(self) -> str:
        """Everything the daemon has written, over all its runs."""
        return self._log.read_text("utf-8", "replace")

    def log_of_this_run(self) -> str:
        return self._log.read_bytes()[self._read_from :].decode("utf-8", "replace")

    # --- people

    def address(self, name: str) -> str:
        return self._people[name].address

    def password(self, name: str) -> str:
        return self._people[name].password

    def account(self, name: str) -> Person:
        """Somebody who is there already: anna, ben."""
        return self._people[name]

    def person(self, name: str, *, quota: int = 0) -> Person:
        """A fresh account, so that tests do not disturb each other; it can log in at once."""
        self._numbers += 1
        person = self.new_person(f"{name}{self._numbers}", quota=quota)
        if self.is_running:
            control.ask(self.state, "people_changed")
        return person

    def new_person(self, name: str, *, quota: int = 0) -> Person:
        """Put an account into the database without telling a running daemon."""
        person = Person(f"{name}@{DOMAIN}", f"correct horse {name}")
        with self._registry() as registry:
            registry.add_account(person.address, person.password, quota_octets=quota)
        self._people[name] = person
        return person

    @contextlib.contextmanager
    def _registry(self) -> Iterator[Registry]:
        database = AccountsDatabase(self.state)
        try:
            yield Registry(database, time.time())
        finally:
            database.close()

    def _environment(self) -> dict[str, str]:
        inherited = {name: v for name, v in os.environ.items() if name not in _OF_SYSTEMD}
        return inherited | self.environment

    # --- the command line

    def run_program(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run `pillarbox --state ... ARGUMENTS` as a program of its own."""
        return subprocess.run(
            [*PILLARBOX, "--state", str(self.state), *arguments],
            cwd=ROOT,
            env=self._environment(),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    def try_cli(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """The same within this process, which takes a tenth of the time; whatever comes of it."""
        out, err = io.StringIO(), io.StringIO()
        status: object = 0
        given, sys.stdin = sys.stdin, io.StringIO(stdin)
        zone = os.environ.get("TZ")
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                main(["--state", str(self.state), *arguments])
        except SystemExit as end:
            status = end.code or 0
        finally:
            sys.stdin = given
            _back_to(zone)  # a command tells the time of its box's office
        assert isinstance(status, int)
        return subprocess.CompletedProcess(arguments, status, out.getvalue(), err.getvalue())

    def cli(self, *arguments: str, stdin: str = "") -> str:
        """Run a command that must succeed; what it printed."""
        done = self.try_cli(*arguments, stdin=stdin)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        return done.stdout


def _by_day() -> str:
    """Nothing is done at night while a test runs, at whatever hour that is."""
    return f"[backup]\nhour = {(time.localtime().tm_hour + 12) % 24}\n"


def _back_to(zone: str | None) -> None:
    if os.environ.get("TZ") == zone:
        return
    os.environ.pop("TZ", None)
    if zone is not None:
        os.environ["TZ"] = zone
    time.tzset()


def free_port_base() -> int:
    """A number that, added to each standard port, gives a port that is free now.

    Below 32768, where the kernel takes ports for outgoing connections from; and each worker of
    a test run in a part of its own, since a box that was killed comes back to its ports.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    part = 21_000 // workers
    for _ in range(200):
        base = 10_000 + worker * part + random.randrange(part - max(PORTS))
        if all(is_free(base + port) for port in PORTS):
            return base
    raise AssertionError("There are no free ports.")


def is_free(port: int) -> bool:
    with socket.socket() as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def wait_until(true: Callable[[], object], what: str, *, seconds: float = 10.0) -> None:
    """Look again and again, for a bounded time, until something is so."""
    end = time.monotonic() + seconds
    pause = 0.005
    while not true():
        assert time.monotonic() < end, f"It took too long until {what}."
        time.sleep(pause)
        pause = min(0.1, pause * 1.5)


def _answers(state: Path) -> bool:
    try:
        control.ask(state, "status")
    except ConnectionError:
        return False
    return True
