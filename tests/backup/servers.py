"""Real servers that backups go to, on loopback ports: sshd, a REST server (rclone), S3 (s3rver)."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Self

import pytest

from tests.clients.node import HERE as NODE
from tests.support.box import wait_until

SECRET = "oak leaf+7/ü"
_SSHD = shutil.which("sshd") or "/usr/sbin/sshd"


class Server:
    """A process that serves one repository, and what the owner types to use it."""

    address = ""
    environment = ""
    secret = SECRET
    """What must be told to nobody."""
    port = 0

    def __init__(self, folder: Path, words: tuple[str, ...], **environment: str) -> None:
        folder.mkdir(exist_ok=True)
        self.folder, self.log, self._words = folder, folder / "log", words
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_why: object) -> None:
        self.stop()

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._words, stdout=log, stderr=log, env={**os.environ, **self._environment}
            )
        wait_until(self._answers, f"{self._words[0]} answers", seconds=20)

    def stop(self) -> None:
        """At once, in the middle of whatever it does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log.read_text()
        with closing(socket.socket()) as attempt:
            return attempt.connect_ex(("127.0.0.1", self.port)) == 0


class Sshd(Server):
    """Debian's sshd with a host key of its own; login by a key that lies in `client`."""

    def __init__(self, folder: Path) -> None:
        if not Path(_SSHD).exists():
            pytest.skip("openssh-server is not installed")
        folder.mkdir()
        self.client = folder / "client"
        self.client.mkdir(mode=0o700)
        self.port = free_port()
        for name in ("host", "client/id"):
            made = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
            subprocess.run(made, check=True)
        if os.geteuid() == 0:  # where it goes when it serves somebody
            Path("/run/sshd").mkdir(exist_ok=True, mode=0o755)
        config = folder / "sshd_config"
        config.write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {folder / 'host'}\n"
            f"AuthorizedKeysFile {self.client / 'id.pub'}\nPidFile none\nStrictModes no\n"
            "UsePAM no\nPasswordAuthentication no\nPermitRootLogin prohibit-password\n"
            "Subsystem sftp internal-sftp\n"
        )
        super().__init__(folder, (_SSHD, "-D", "-e", "-f", str(config)))
        self.user = pwd.getpwuid(os.geteuid()).pw_name
        self.address = f"sftp://{self.user}@127.0.0.1:{self.port}/{folder / 'repository'}"
        self.knows_host(known=True)

    def knows_host(self, *, known: bool) -> None:
        """Whether whoever set the box up has said that this is the server."""
        public = (self.folder / "host.pub").read_text() if known else ""
        line = f"[127.0.0.1]:{self.port} {public}" if known else ""
        (self.client / "known_hosts").write_text(line)

    def program(self, programs: Path) -> None:
        """The real ssh, with a home folder of its own."""
        ssh, config = shutil.which("ssh"), self.client / "config"
        config.write_text(
            f"IdentityFile {self.client / 'id'}\nIdentitiesOnly yes\n"
            f"UserKnownHostsFile {self.client / 'known_hosts'}\nGlobalKnownHostsFile none\n"
        )
        programs.mkdir()
        (programs / "ssh").write_text(f'#!/bin/sh\nexec {ssh} -F {config} "$@"\n')
        (programs / "ssh").chmod(0o700)

    def lock_out(self) -> None:
        (self.client / "id.pub").write_text("")


class Rest(Server):
    """rclone's REST server for restic, behind TLS, a name and a password."""

    def __init__(self, folder: Path) -> None:
        if shutil.which("rclone") is None:
            pytest.skip("rclone is not installed")
        self.port = free_port()
        key, certificate = signed_by_itself(folder)
        words = (
            *("rclone", "--config", "", "serve", "restic", "--addr", f"127.0.0.1:{self.port}"),
            *("--cert", str(certificate), "--key", str(key), str(folder / "repository")),
        )
        super().__init__(folder, words, RCLONE_USER="office", RCLONE_PASS=SECRET)
        self.address = f"rest:https://127.0.0.1:{self.port}/"
        self.environment = f"RESTIC_REST_USERNAME=office\nRESTIC_REST_PASSWORD={SECRET}\n"


class S3(Server):
    """s3rver, behind TLS; it knows one key, which bears its name."""

    secret = "S3RVER"

    def __init__(self, folder: Path) -> None:
        program = NODE / "node_modules" / ".bin" / "s3rver"
        if not program.exists():
            pytest.skip("s3rver is not installed")
        self.port = free_port()
        key, certificate = signed_by_itself(folder)
        words = (
            *(str(program), "-d", str(folder / "buckets"), "-a", "127.0.0.1"),
            *("-p", str(self.port), "--key", str(key), "--cert", str(certificate), "--silent"),
        )
        super().__init__(folder, words)
        self.address = f"s3:https://127.0.0.1:{self.port}/office-backup"
        self.environment = f"AWS_ACCESS_KEY_ID={S3.secret}\nAWS_SECRET_ACCESS_KEY={S3.secret}\n"


def signed_by_itself(folder: Path) -> tuple[Path, Path]:
    """A key and a certificate for 127.0.0.1, which is its own CA."""
    folder.mkdir(exist_ok=True)
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    kind = "-x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=127.0.0.1"
    named = ("-addext", "subjectAltName=IP:127.0.0.1")
    made = ("openssl", "req", *kind.split(), *named, "-keyout", key, "-out", certificate)
    subprocess.run(made, check=True, capture_output=True)
    return key, certificate


def free_port() -> int:
    with closing(socket.socket()) as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
