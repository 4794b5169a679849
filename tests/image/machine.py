"""A box in QEMU: the very card file as the disk of the machine `virt`, whose kernel and initramfs are
taken from the card's own boot partition. Commands reach it over a virtio port, not over a network.
Leaving the context of a `Machine` pulls its plug."""

from __future__ import annotations

import json
import os
import shlex
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).parents[2]
PILLARBOX = "runuser -u pillarbox -- /opt/pillarbox/bin/pillarbox --state /var/lib/pillarbox"
PORTS = (25, 80, 110, 143, 443, 465, 587, 993, 995)
_UNIT = r"""[Unit]
DefaultDependencies=no
After=systemd-udevd.service dev-virtio\x2dports-test.agent.device
Requires=dev-virtio\x2dports-test.agent.device
[Service]
Type=exec
ImportCredential=agent.py
Environment=HOME=/root
ExecStart=/usr/bin/python3 -u ${CREDENTIALS_DIRECTORY}/agent.py
"""
_PATIENT = "systemd.default_device_timeout_sec=900"  # this machine may have much else to do
_BOOT_A = 68 << 20  # where the boot partition of system A begins on the card (image/card.sh)


def qemu() -> list[str]:
    """How QEMU is started here."""
    done = subprocess.run([ROOT / "image/qemu.sh"], capture_output=True, text=True, check=True)
    return done.stdout.split()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def boot_files(card: Path, folder: Path) -> Path:
    """vmlinuz, initrd.img and cmdline.txt of the card, in a folder."""
    for name in ("vmlinuz", "initrd.img", "cmdline.txt"):
        subprocess.run(
            ["mcopy", "-n", "-i", f"{card}@@{_BOOT_A}", f"::{name}", folder / name], check=True
        )
    return folder


def layer(card: Path, path: Path, size: str = "8G") -> Path:
    """A disk that begins as the card and keeps its own changes."""
    subprocess.run(
        ["qemu-img", "create", "-q", "-f", "qcow2", "-b", card, "-F", "raw", path, size], check=True
    )
    return path


class Machine:
    """One start of a box; `ports` maps the box's ports to ports here."""

    def __init__(
        self, folder: Path, card: Path | str, boot: Path, *,
        ports: Sequence[int] | None = (), more: Sequence[str] = (), kernel_words: str = "",
    ) -> None:  # fmt: skip
        """`card`: a file of `layer`, or QEMU's words for a disk. `ports` None: no network device."""
        self.folder, self.started = folder, time.monotonic()
        folder.mkdir(parents=True, exist_ok=True)
        self.serial = folder / "serial.log"
        self._has_network = ports is not None
        self.ports: Mapping[int, int] = {each: free_port() for each in ports or ()}
        self._process = subprocess.Popen(
            [*qemu(), *self._arguments(card, boot, kernel_words), *more],
            stdin=subprocess.DEVNULL, stderr=(folder / "stderr").open("wb"),
        )  # fmt: skip
        try:
            _, self._monitor = self._connect("monitor")
            json.loads(self._monitor.readline())
            self.monitor("qmp_capabilities")
            self._agent_socket, self._agent = self._connect("agent")
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _arguments(self, card: Path | str, boot: Path, words: str) -> list[str]:
        for name, text in (
            ("agent.py", (Path(__file__).parent / "agent.py").read_text()),
            ("t.service", _UNIT),
        ):
            (self.folder / name).write_text(text)
        cmdline = (boot / "cmdline.txt").read_text().strip().replace("console=tty0", "")
        forwards = "".join(
            f",hostfwd=tcp:127.0.0.1:{here}-:{box}" for box, here in self.ports.items()
        )
        network = (
            f"-netdev user,id=net,restrict=on{forwards} -device virtio-net-pci,netdev=net,romfile="
        )
        disk = card if isinstance(card, str) else f"format=qcow2,file={card},cache=writeback"
        credential = "name=opt/io.systemd.credentials"
        return shlex.split(
            "-machine virt -accel tcg,thread=multi -cpu cortex-a72 -smp 2 -m 1024 -nodefaults"
            f" -display none -no-reboot -serial file:{self.serial}"
            f" -qmp unix:{self.folder}/monitor,server=on,wait=off"
            f" -kernel {boot}/vmlinuz -initrd {boot}/initrd.img"
            f" -append '{cmdline} console=ttyAMA0 systemd.wants=t.service {_PATIENT} {words}'"
            f" -drive if=none,id=card,{disk}"
            " -device virtio-blk-pci,drive=card,serial=card -device virtio-rng-pci"
            " -device virtio-serial-pci"
            f" -chardev socket,id=agent,path={self.folder}/agent,server=on,wait=off"
            " -device virtserialport,chardev=agent,name=test.agent"
            f" {network if self._has_network else ''} -device qemu-xhci,id=usb"
            f" -fw_cfg {credential}/agent.py,file={self.folder}/agent.py"
            f" -fw_cfg {credential}/systemd.extra-unit.t.service,file={self.folder}/t.service"
        )

    def _connect(self, name: str) -> tuple[socket.socket, Any]:
        end = time.monotonic() + 30
        while True:
            made = socket.socket(socket.AF_UNIX)
            try:
                made.connect(os.fspath(self.folder / name))
                return made, made.makefile("rwb")
            except OSError:
                made.close()
                if self._process.poll() is not None or time.monotonic() > end:
                    raise AssertionError((self.folder / "stderr").read_text()) from None
                time.sleep(0.02)

    def monitor(self, command: str, **arguments: object) -> Any:
        """A command of QEMU's monitor (QMP); what it returns."""
        self._monitor.write(
            json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n"
        )
        self._monitor.flush()
        while True:
            said = json.loads(self._monitor.readline())
            if "return" in said:
                return said["return"]
            assert "error" not in said, said

    def up(self, *, serves: bool = True) -> Self:
        """Itself, once commands are taken and, unless `serves` is no, the daemon is ready. If that
        does not come its plug is pulled."""
        try:
            self.wait_for_agent()
            if serves:
                wait_until_it_serves(self)
        except BaseException:
            self.close()
            raise
        return self

    def wait_for_agent(self, seconds: float = 900) -> float:
        """Seconds from power on until commands are taken."""
        self._agent_socket.settimeout(seconds)
        json.loads(self._agent.readline())
        return time.monotonic() - self.started

    def run(self, command: str, *, seconds: float = 120, accept: Sequence[int] = (0,)) -> str:
        """What a shell command in the box printed."""
        self._agent_socket.settimeout(seconds + 30)
        asked = {"command": command, "seconds": seconds}
        self._agent.write(json.dumps(asked).encode() + b"\n")
        self._agent.flush()
        said = json.loads(self._agent.readline())
        assert said["status"] in accept, f"{command}: {said['status']}\n{said['output']}"
        return str(said["output"])

    def wait_until_off(self, seconds: float = 300) -> None:
        """Until the box restarts, which ends this machine."""
        self._process.wait(seconds)

    def cut_power(self) -> None:
        self._process.kill()
        self._process.wait()

    close = cut_power


def wait_until_it_serves(machine: Machine, seconds: float = 900) -> float:
    """Seconds from power on until the daemon says that it is ready."""
    machine.run(
        f"for i in $(seq {seconds:.0f}); do systemctl is-active -q pillarbox && exit 0; sleep 1; done; "
        "systemctl status pillarbox; journalctl -u pillarbox -n 40 --no-pager; exit 1",
        seconds=seconds + 10,
    )
    return time.monotonic() - machine.started
