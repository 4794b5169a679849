"""Radio for a box in QEMU: two of the kernel's simulated ones, of which the second is an access point.

It stands in a network namespace of its own, with hostapd and a DHCP server from a second disk, and is
there before the box's own programs start, as the router of an office is.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.image.machine import Machine

NAME, PASSWORD = "Office Wi-Fi", "correct horse battery"
ROUTER = "192.168.90.1"
WORDS = "systemd.wants=r.service"  # of the kernel, for a machine with `arguments`
_TOOLS = "/run/tools/usr"
_SETUP = rf"""set -e
export LD_LIBRARY_PATH={_TOOLS}/lib/aarch64-linux-gnu
mkdir -p /run/tools
mount -o ro /dev/disk/by-id/virtio-tools /run/tools
modprobe mac80211_hwsim radios=2
ip netns add ap
{_TOOLS}/sbin/iw phy phy1 set netns name ap
cat >/run/hostapd.conf <<END
interface=wlan1
ssid={NAME}
hw_mode=g
channel=1
wpa=2
wpa_key_mgmt=WPA-PSK
rsn_pairwise=CCMP
wpa_passphrase={PASSWORD}
END
cat >/run/udhcpd.conf <<END
start 192.168.90.50
end 192.168.90.60
interface wlan1
lease_file /run/udhcpd.leases
option subnet 255.255.255.0
option router {ROUTER}
END
touch /run/udhcpd.leases
ip netns exec ap ip link set wlan1 up
ip netns exec ap ip addr add {ROUTER}/24 dev wlan1
ip netns exec ap {_TOOLS}/sbin/hostapd -B /run/hostapd.conf
ip netns exec ap {_TOOLS}/bin/busybox udhcpd /run/udhcpd.conf
"""
_UNIT = r"""[Unit]
DefaultDependencies=no
Requires=dev-disk-by\x2did-virtio\x2dtools.device
After=systemd-udevd.service dev-disk-by\x2did-virtio\x2dtools.device
Before=iwd.service pillarbox.service
[Service]
Type=oneshot
RemainAfterExit=yes
ImportCredential=radio.sh
ExecStart=/bin/sh ${CREDENTIALS_DIRECTORY}/radio.sh
"""


def arguments(folder: Path) -> tuple[str, ...]:
    """QEMU's, for a machine with radios."""
    done = subprocess.run(
        [Path(__file__).parent / "radio.sh"], check=True, stdout=subprocess.PIPE, text=True
    )
    tools = done.stdout.strip()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "radio.sh").write_text(_SETUP)
    (folder / "r.service").write_text(_UNIT)
    credential = "name=opt/io.systemd.credentials"
    return (
        "-drive", f"if=none,id=tools,format=raw,readonly=on,file={os.path.realpath(tools)}",
        "-device", "virtio-blk-pci,drive=tools,serial=tools",
        "-fw_cfg", f"{credential}/radio.sh,file={folder}/radio.sh",
        "-fw_cfg", f"{credential}/systemd.extra-unit.r.service,file={folder}/r.service",
    )  # fmt: skip


def inside(machine: Machine, python: str, *arguments: str) -> str:
    """What a program prints that runs on the far side of the radio, where the access point is."""
    return machine.run(
        f"ip netns exec ap /opt/pillarbox/bin/python - {' '.join(arguments)} <<'END'\n{python}\nEND"
    )
