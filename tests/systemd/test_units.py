"""The units: systemd finds nothing wrong with them, and they mean what the program needs."""

from __future__ import annotations

import configparser
import shutil
import subprocess
from pathlib import Path

import pytest

from appliance.helper import client, disks
from tests.support.box import PORTS

ROOT = Path(__file__).parents[2]
UNITS = ROOT / "systemd"
NAMES = (
    "pillarbox.service",
    "pillarbox.socket",
    "pillarbox-helper.socket",
    "pillarbox-helper@.service",
)
OWN_NAMESPACE = (
    "ProtectSystem", "ProtectHome", "PrivateTmp", "PrivateDevices", "ReadOnlyPaths",
    "ReadWritePaths", "InaccessiblePaths", "ProtectKernelTunables", "ProtectKernelModules",
    "ProtectKernelLogs", "ProtectControlGroups", "ProtectProc", "ProtectHostname", "MountFlags",
)  # fmt: skip


def unit(name: str) -> configparser.ConfigParser:
    found = configparser.ConfigParser(strict=False, interpolation=None)
    found.optionxform = str  # type: ignore[assignment,method-assign]
    found.read(UNITS / name)
    return found


def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed here")
    for name in NAMES:  # the program is not installed on this machine
        text = (UNITS / name).read_text()
        (tmp_path / name.replace("@.", "@one.")).write_text(
            text.replace("/opt/pillarbox/bin/pillarbox", "/bin/true")
            .replace("/opt/pillarbox/bin/python", "/bin/true")
            .replace("Documentation=file:", "#")
        )
        if "@" in name:  # the socket wants the template
            shutil.copy(tmp_path / name.replace("@.", "@one."), tmp_path / name)
    for name in NAMES:
        done = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", tmp_path / name.replace("@.", "@one.")],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        ours = [line for line in done.stderr.splitlines() if "pillarbox" in line]
        assert (done.returncode, ours) == (0, [])


def test_the_daemon_has_no_rights_but_its_ports() -> None:
    service = unit("pillarbox.service")["Service"]
    assert service["User"] == disks.USER
    assert service["CapabilityBoundingSet"] == ""
    assert "AmbientCapabilities" not in service
    lines = (UNITS / "pillarbox.socket").read_text().splitlines()
    held = {line.rpartition(":")[2] for line in lines if line.startswith("ListenStream=")}
    assert {int(each) for each in held} == {*PORTS}
    assert service["NoNewPrivileges"] == "yes"
    assert service["Type"] == "notify"
    assert "WatchdogSec" in service


def test_what_the_helper_mounts_is_seen_by_everybody() -> None:
    service = unit("pillarbox-helper@.service")["Service"]
    assert [option for option in OWN_NAMESPACE if option in service] == []
    assert service["StandardInput"] == "socket"


def test_only_the_daemon_can_open_the_socket_of_the_helper() -> None:
    socket = unit("pillarbox-helper.socket")["Socket"]
    assert Path(socket["ListenStream"]) == client.SOCKET
    assert (socket["SocketMode"], socket["SocketUser"]) == ("0600", disks.USER)
    assert socket["Accept"] == "yes"


def test_the_daemon_sees_the_places_where_disks_are_mounted() -> None:
    service = unit("pillarbox.service")["Service"]
    assert f"-{disks.MAIL}" in service["ReadWritePaths"].split()
    assert any(disks.DRIVES.is_relative_to(each.lstrip("-")) for each in
               service["ReadWritePaths"].split() if "run" in each)  # fmt: skip
    # root's mounts reach it, nothing of its own reaches root
    assert (service["PrivateMounts"], service.get("MountFlags", "slave")) == ("yes", "slave")


def test_the_daemon_is_shut_in_well_enough(tmp_path: Path) -> None:
    """systemd's own judgement, 0 (shut in) to 10: below 2.0."""
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--threshold=19", UNITS / NAMES[0]],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-200:] + done.stderr
