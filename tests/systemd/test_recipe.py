"""The recipe of the image, as far as it can be judged without building it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from appliance.helper import disks, network

ROOT = Path(__file__).parents[2]
RECIPE = ROOT / "image"
FILES = RECIPE / "rootfs"
PORTS = {25, 80, 110, 143, 443, 465, 587, 993, 995, 4190}


def test_a_linter_finds_nothing_wrong_with_the_scripts() -> None:
    scripts = [path for path in RECIPE.rglob("*") if path.is_file() and _is_shell(path)]
    assert len(scripts) > 5
    done = subprocess.run(
        ["shellcheck", "-x", "-P", "SCRIPTDIR", "-S", "warning", *scripts],
        capture_output=True, text=True, cwd=RECIPE, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "")


def _is_shell(path: Path) -> bool:
    return path.read_bytes()[:64].startswith((b"#!/usr/bin/env bash", b"#!/bin/sh"))


def test_the_firewall_is_understood_and_lets_in_what_the_box_serves() -> None:
    rules = FILES / "etc/nftables.conf"
    done = subprocess.run(
        ["unshare", "-n", "nft", "-c", "-f", rules], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    (office,) = re.findall(r"tcp dport \{ ([^}]+) \} accept", rules.read_text())
    assert {int(port) for port in office.split(",")} == PORTS
    assert "policy drop" in rules.read_text()


def test_the_resolver_understands_its_settings(tmp_path: Path) -> None:
    text = (FILES / "etc/unbound/unbound.conf.d/pillarbox.conf").read_text()
    config = tmp_path / "unbound.conf"
    (tmp_path / "unbound-forward.conf").write_text("server:\n")
    text = text.replace("/run/pillarbox/", f"{tmp_path}/")
    config.write_text(
        f'server:\n    directory: "{tmp_path}"\n    chroot: ""\n    username: ""\n{text}'
    )
    done = subprocess.run(
        ["unbound-checkconf", config], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("servers", [(), ("192.168.1.1", "fd00::53")])
def test_name_servers_that_the_owner_typed_are_asked(
    tmp_path: Path, servers: tuple[str, ...]
) -> None:
    (tmp_path / "kept").write_text(network.written(network.Plan("eth0", nameservers=servers)))
    script = FILES / network.RESOLVER.relative_to("/")
    said = subprocess.check_output([script, tmp_path / "no trial", tmp_path / "kept"], text=True)
    assert re.findall("forward-addr: (.*)", said) == [*servers]
    (tmp_path / "unbound-forward.conf").write_text(said)
    text = (FILES / "etc/unbound/unbound.conf.d/pillarbox.conf").read_text()
    config = tmp_path / "unbound.conf"
    config.write_text(text.replace("/run/pillarbox/", f"{tmp_path}/"))
    done = subprocess.run(
        ["unbound-checkconf", "-f", config], capture_output=True, text=True, check=False
    )
    asked = subprocess.check_output(
        ["unbound-checkconf", "-o", "val-permissive-mode", config], text=True
    )
    assert asked.strip() == ("yes" if servers else "no"), done.stderr


def test_the_address_by_dhcp_is_the_file_that_the_page_changes() -> None:
    kept = FILES / network.KEPT.relative_to("/")
    assert kept.read_text() == network.written(network.Plan("eth0"))
    assert "net.ifnames=0" in (RECIPE / "card.sh").read_text()  # so that it is eth0 on every board


def test_what_is_announced_on_the_network_is_served() -> None:
    tree = ET.parse(FILES / "etc/avahi/services/pillarbox.service")
    assert {int(each.text or "") for each in tree.iter("port")} <= PORTS


def test_user_and_places_are_those_that_the_program_knows() -> None:
    assert f"u {disks.USER} " in (FILES / "usr/lib/sysusers.d/pillarbox.conf").read_text()
    assert str(disks.MAIL) in (RECIPE / "card.sh").read_text()


def test_systemd_understands_the_units_of_the_image(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed here")
    for path in (FILES / "usr/lib/systemd/system").glob("*.service"):
        copy = tmp_path / path.name
        copy.write_text(re.sub(r"ExecStart=\S+", "ExecStart=/bin/true", path.read_text()))
        done = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", copy],
            capture_output=True,
            text=True,
            check=False,
        )
        assert [line for line in done.stderr.splitlines() if path.name in line] == []


def test_the_bill_of_materials_names_every_package_once(tmp_path: Path) -> None:
    (tmp_path / "packages").write_text("unbound 1.22.0-2+deb13u1 arm64\ntzdata 2025b-4 all\n")
    (tmp_path / "python").write_text("pillarbox 0.1.0\nPyNaCl 1.5.0\nrpi_lgpio 0.6\n")
    bills = [tmp_path / "one", tmp_path / "two"]
    for bill in bills:
        subprocess.run(
            [sys.executable, RECIPE / "sbom.py", "0.1.0", tmp_path / "packages", tmp_path / "python", bill],
            env={"SOURCE_DATE_EPOCH": "1764000000"}, check=True,
        )  # fmt: skip
    assert bills[0].read_bytes() == bills[1].read_bytes()
    told = json.loads(bills[0].read_text())
    assert (told["bomFormat"], told["specVersion"]) == ("CycloneDX", "1.6")
    assert [each["purl"] for each in told["components"]] == [
        "pkg:deb/debian/tzdata@2025b-4?arch=all&distro=trixie",
        "pkg:deb/debian/unbound@1.22.0-2%2Bdeb13u1?arch=arm64&distro=trixie",
        "pkg:pypi/lgpio@0.2.2.0", "pkg:pypi/pynacl@1.5.0", "pkg:pypi/rpi-lgpio@0.6",
    ]  # fmt: skip
