"""The very card in an emulated Raspberry Pi 3: another machine, its own SD controller, no virtio.

Its network is not emulated well enough to be used, and nothing of the test reaches into it: what the
box says of itself stands on its serial line. Nor are the pull-ups of its pins emulated: the button is
down, so it waits for what a start with the button held asks for.
"""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from tests.image.firmware import partition
from tests.image.machine import layer, qemu

pytestmark = [pytest.mark.image, pytest.mark.timeout(3600)]

# The emulated watchdog does not count: it resets the machine when it is set.
_SAYS = "console=ttyS1,115200 systemd.journald.forward_to_console=1 systemd.watchdog_sec=0"
_SECONDS = 2400


def test_the_card_serves_in_a_pi_3(card: Path, boot: Path, tmp_path: Path) -> None:
    disk = layer(card, tmp_path / "card.qcow2", size="4G")  # an SD card is a power of two
    tree = "bcm2837-rpi-3-b.dtb"
    own = partition(disk, 2, tmp_path / "boot.img")
    subprocess.run(["mcopy", "-n", "-i", own, f"::{tree}", tmp_path / tree], check=True)
    words = (boot / "cmdline.txt").read_text().strip().replace("console=tty0", _SAYS)
    serial = tmp_path / "serial"
    began = time.monotonic()
    with subprocess.Popen(
        [*qemu(), "-machine", "raspi3b", "-accel", "tcg,thread=multi", "-display", "none",
         "-no-reboot", "-monitor", "none", "-serial", "null", "-serial", f"file:{serial}",
         "-kernel", boot / "vmlinuz", "-initrd", boot / "initrd.img", "-dtb", tmp_path / tree,
         "-append", words, "-drive", f"if=sd,format=qcow2,file={disk}"],
        stdin=subprocess.DEVNULL, stderr=(tmp_path / "stderr").open("wb"),
    ) as machine:  # fmt: skip
        try:
            while b"Started pillarbox.service" not in _said(serial):
                assert machine.poll() is None, (tmp_path / "stderr").read_text()
                assert time.monotonic() - began < _SECONDS, _said(serial)[-3000:].decode(
                    "utf-8", "replace"
                )
                time.sleep(1)
        finally:
            machine.kill()
    assert b"waiting for a backup drive" in _said(serial)
    print(f"\nin a Pi 3 the daemon serves after {time.monotonic() - began:.0f} s")


def _said(serial: Path) -> bytes:
    return serial.read_bytes() if serial.exists() else b""
