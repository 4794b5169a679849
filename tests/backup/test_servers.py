"""Backups to real servers: an sshd, a REST server and S3, from the address to one mail back."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.backup import address
from appliance.backup.process import Progress, Watch
from appliance.backup.trouble import Kind, TargetTrouble
from appliance.errors import Refused
from tests.backup.office import ANNA, Office, contents
from tests.backup.servers import S3, Rest, Server, Sshd
from tests.support.box import Box, wait_until
from tests.support.mail import letter, submit, wait_for_mail
from tests.support.sessions import imap

KINDS = {"sftp": Sshd, "rest": Rest, "s3": S3}


@pytest.fixture
def server(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch) -> Iterator[Server]:
    made: Server = KINDS[request.param](tmp_path / "server")
    if isinstance(made, Sshd):
        made.program(tmp_path / "programs")
        monkeypatch.setenv("PATH", f"{tmp_path / 'programs'}{os.pathsep}{os.environ['PATH']}")
    else:
        monkeypatch.setenv("SSL_CERT_FILE", str(made.folder / "certificate.pem"))
    with made:
        yield made


def added(box: Box, server: Server) -> str:
    more = ("--environment-stdin",) if server.environment else ()
    told = ("backup", "target", "add", server.address, "--label", "the NAS", *more)
    return box.cli(*told, stdin=server.environment)


@pytest.mark.parametrize(
    "server", [pytest.param("sftp", marks=pytest.mark.slow), "rest", "s3"], indirect=True
)
def test_from_the_address_to_one_mail_and_a_whole_box_back(server: Server, tmp_path: Path) -> None:
    with Box(tmp_path / "box") as box:
        anna, ben = box.account("anna"), box.account("ben")
        letters = [letter(name, anna.address, ben.address) for name in ("one", "two")]
        submit(box, anna, [ben.address], *letters)
        wait_for_mail(box, ben, 2)
        said = added(box, server)
        said += box.cli("backup", "now", "--to", "the NAS")
        assert "2 messages of 1 person are safe on the NAS;" in said
        (version,) = json.loads(box.cli("backup", "list", "--json"))
        assert version["proven"]
        said += box.cli("backup", "verify", "--to", "the NAS")
        assert "is whole; everything on it was read." in said
        mine = contents(box.maildir(ben))
        with imap(box, ben) as client:
            client.select("INBOX")
            client.store("1:*", "+FLAGS", r"(\Deleted)")
            client.expunge()
        wanted = ("--account", ben.address, "--message", "<two@example.org>")
        said += box.cli("backup", "restore", *wanted, "--from", "the NAS")
        assert "1 message was restored" in said
        said += box.cli("backup", "target", "list") + box.cli("status") + box.log()
        assert server.secret not in said
        sheet = (box.state / "backup.key").read_text()
        box.terminate()
        if isinstance(server, Sshd):  # the same with nothing asked for: test_addresses.py
            return
        new = Box(tmp_path / "new")
        back = ("backup", "restore", "--all", "--from", server.address, "--key-stdin")
        more = ("--environment-stdin",) if server.environment else ()
        said += new.cli(*back, *more, stdin=f"{sheet}\n{server.environment}")
        assert server.secret not in said
        assert contents(new.mail / "people" / ben.address) == mine


@pytest.mark.parametrize("server", ["sftp", "rest", "s3"], indirect=True)
def test_one_that_lets_us_in_no_more_is_told(server: Server, office: Office) -> None:
    with pytest.raises(TargetTrouble) as wrong:
        if isinstance(server, Sshd):
            server.lock_out()
            office.job.add_address(server.address)
        else:
            asked = dict.fromkeys(address.environment(server.environment), "elm tree")
            asked |= {"RESTIC_REST_USERNAME": "office"}
            office.job.add_address(server.address, asked)
    assert wrong.value.kind is Kind.LOGIN, wrong.value.details
    assert "does not accept" in str(wrong.value)
    assert "elm tree" not in wrong.value.details
    assert office.job.history.targets() == []


@pytest.mark.parametrize("server", ["sftp"], indirect=True)
def test_a_server_nobody_vouched_for_is_told(server: Sshd, office: Office) -> None:
    server.knows_host(known=False)
    with pytest.raises(TargetTrouble, match="ssh does not know") as strange:
        office.job.add_address(server.address)
    assert strange.value.kind is Kind.STRANGER


@pytest.mark.parametrize(
    "server",
    [pytest.param(each, marks=pytest.mark.slow) for each in ("sftp", "rest")],
    indirect=True,
)
def test_one_that_dies_in_the_middle_is_told_and_earlier_versions_are_whole(
    server: Server, office: Office
) -> None:
    asked = address.environment(server.environment)
    target = office.job.add_address(server.address, asked, label="the NAS")
    assert office.back_up(target).is_proven
    office.sent(ANNA, "INBOX", 40, size=100_000)
    died: list[float] = []

    def die(progress: Progress) -> None:
        if progress.step == "copying" and not died:
            died.append(time.monotonic())
            server.stop()

    outcome = office.back_up(target, Watch(progress=die))
    assert died, "the stage was reached"
    assert time.monotonic() - died[0] < 30
    assert outcome.trouble == "unreachable", outcome
    assert not office.box.view.exists()
    server.start()
    target = office.job.history.target(target.identity)
    assert office.job.versions(target)[0][1], "the first one is proven"
    assert office.back_up(target).is_proven


def test_a_password_in_an_address_is_refused() -> None:
    for one in (
        "rest:https://office:oak@nas/",
        "sftp://office:oak@nas//backup",
        "s3:https://a:b@c/d",
    ):
        with pytest.raises(Refused, match="must not contain a password"):
            address.check(one)
    for one in (
        "sftp:office@nas:/backup",
        "sftp://office@nas:22//backup",
        "rest:https://nas:8000/",
        "rclone:nas:folder@home",
    ):
        address.check(one)


def test_what_comes_on_standard_input_is_told_apart() -> None:
    words, asked = address.told("abandon ability\nAWS_ACCESS_KEY_ID=a=b\n3. able\n")
    assert (words, asked) == ("abandon ability\n3. able", {"AWS_ACCESS_KEY_ID": "a=b"})
    for line in ("PATH=/tmp", "LD_PRELOAD=x", "RESTIC_PASSWORD=x"):
        with pytest.raises(Refused, match="nothing that a repository asks for"):
            address.told(line)
    with pytest.raises(Refused, match="NAME=value"):
        address.environment("oak leaf")
    given = {"RESTIC_REST_USERNAME": "a@b", "RESTIC_REST_PASSWORD": "c/d:e"}
    assert (
        address.with_login("rest:https://nas:1/x", given) == "rest:https://a%40b:c%2Fd%3Ae@nas:1/x"
    )
    assert address.with_login("s3:https://nas/x", given) == "s3:https://nas/x"


class Mounted:
    """A folder of a NAS, mounted here by a process (bindfs) as SMB and NFS are by the kernel."""

    def __init__(self, folder: Path) -> None:
        if os.geteuid() != 0 or shutil.which("bindfs") is None or not Path("/dev/fuse").exists():
            pytest.skip("mounting by FUSE needs root and bindfs")
        self.there, self.root = folder / "nas", folder / "mounted"
        self.there.mkdir()
        self.root.mkdir()
        self.mount()

    def mount(self) -> None:
        self._process = subprocess.Popen(["bindfs", "-f", self.there, self.root])
        wait_until(lambda: os.path.ismount(self.root), "it is mounted")

    def break_off(self) -> None:
        self._process.kill()
        self._process.wait()

    def unmount(self) -> None:
        self.break_off()
        subprocess.run(["umount", "-l", self.root], check=False, capture_output=True)


def test_a_mounted_folder_that_goes_away_is_told_and_goes_on_when_it_is_back(
    office: Office, tmp_path: Path
) -> None:
    nas = Mounted(tmp_path)
    try:
        target = office.job.adopt(nas.root, "the NAS")
        assert office.back_up(target).is_proven
        office.sent(ANNA, "INBOX", 40, size=100_000)
        broken: list[float] = []

        def break_off(progress: Progress) -> None:
            if progress.step == "copying" and not broken:
                broken.append(time.monotonic())
                nas.break_off()

        outcome = office.back_up(target, Watch(progress=break_off))
        assert broken, "the stage was reached"
        assert time.monotonic() - broken[0] < 20
        assert outcome.trouble == "vanished", outcome
        assert outcome.sentence.count(". ") == 1, outcome.sentence
        assert office.job.present() == []
        nas.unmount()
        assert office.back_up(target).trouble == "vanished", "its folder is there, and empty"
        assert [*nas.root.iterdir()] == []
        nas.mount()
        assert office.job.versions(office.job.history.target(target.identity))[0][1]
        assert office.back_up(target).is_proven
    finally:
        nas.unmount()
