"""A repository behind a network: restic's SFTP, spoken with the real server program over a pipe."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from appliance.backup import key
from appliance.backup.newbox import Place, restore_all
from appliance.backup.source import foreign_source
from appliance.backup.trouble import TargetTrouble
from appliance.errors import Refused
from tests.backup.office import ANNA, Office, contents

SERVER = Path("/usr/lib/openssh/sftp-server")


@pytest.fixture
def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    if not SERVER.exists():
        pytest.skip("openssh-sftp-server is not installed")
    programs = tmp_path / "programs"
    programs.mkdir()
    ssh = programs / "ssh"
    ssh.write_text(f"#!/bin/sh\nexec {SERVER}\n")
    ssh.chmod(0o700)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    return f"sftp:backup@nas.office.test:{tmp_path}/nas"


def test_it_is_used_like_a_drive(office: Office, address: str, tmp_path: Path) -> None:
    target = office.job.add_address(address, label="the NAS")
    outcome = office.back_up(target)
    assert outcome.is_proven, outcome
    assert "are safe on the NAS;" in outcome.sentence
    office.sent(ANNA, "INBOX", 2)
    assert office.back_up(target).is_proven
    target = office.job.history.target("the NAS")
    assert [proven for _, proven in office.job.versions(target)][-1]
    engine = foreign_source(address, key.load(office.state))
    place = Place(tmp_path / "new", tmp_path / "new" / "mail")
    restore_all(engine, engine.versions()[-1].identity, place)
    assert contents(place.mail / "people" / ANNA) == contents(office.mail / "people" / ANNA)


@pytest.mark.slow
def test_data_that_went_bad_there_is_found(office: Office, address: str, tmp_path: Path) -> None:
    target = office.job.add_address(address)
    assert office.back_up(target).is_proven
    for pack in (tmp_path / "nas" / "data").rglob("*/*"):
        pack.chmod(0o600)
        data = bytearray(pack.read_bytes())
        data[len(data) // 2] ^= 1
        pack.write_bytes(data)
    outcome = office.back_up(target)
    assert not outcome.is_proven
    assert outcome.trouble == "damaged", outcome


def test_one_that_is_gone_is_told(office: Office, address: str, tmp_path: Path) -> None:
    target = office.job.add_address(address)
    assert office.back_up(target).is_proven
    shutil.rmtree(tmp_path / "nas")
    (tmp_path / "programs" / "ssh").write_text("#!/bin/sh\necho Connection refused >&2; exit 255\n")
    outcome = office.back_up(target)
    assert outcome.trouble == "unreachable", outcome
    with pytest.raises(TargetTrouble, match="cannot be reached"):
        office.job.add_address("sftp:x@127.0.0.1:/x")


def test_ssh_whose_words_came_too_late_is_asked_again(
    office: Office, address: str, tmp_path: Path
) -> None:
    (tmp_path / "programs" / "ssh").write_text(
        f"#!/bin/sh\n[ -e {tmp_path}/asked ] && echo 'Permission denied (publickey).' >&2\n"
        f"touch {tmp_path}/asked\nsleep 0.1\nexit 255\n"
    )
    with pytest.raises(TargetTrouble, match="does not accept the user name"):
        office.job.add_address(address)


def test_one_whose_disk_is_not_mounted_is_not_begun_anew(
    office: Office, address: str, tmp_path: Path
) -> None:
    target = office.job.add_address(address, label="the NAS")
    assert office.back_up(target).is_proven
    (tmp_path / "nas").rename(tmp_path / "unmounted")
    outcome = office.back_up(target)
    assert outcome.trouble == "lost", outcome
    assert "The NAS answers, but the backup that was there is not" in outcome.sentence
    assert not (tmp_path / "nas").exists()
    (tmp_path / "unmounted").rename(tmp_path / "nas")
    assert office.back_up(target).is_proven
    with pytest.raises(Refused, match="There is a backup on the NAS; nothing is begun anew"):
        office.job.renew(target)
    shutil.rmtree(tmp_path / "nas")
    assert office.job.renew(target).last_proven == 0
    assert office.back_up(target).is_proven
