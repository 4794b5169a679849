"""A story of drives that come and go, told to UdevDrives by umockdev; prints what was seen.

Run under `umockdev-wrapper`, which lets this process see devices that do not exist.
"""

import ctypes
import json
import os
import sys
import threading
from pathlib import Path

LIBRARY = ctypes.CDLL("libumockdev.so.0")
LIBRARY.umockdev_testbed_new.restype = ctypes.c_void_p
LIBRARY.umockdev_testbed_add_from_string.argtypes = [
    ctypes.c_void_p,
    ctypes.c_char_p,
    ctypes.c_void_p,
]
LIBRARY.umockdev_testbed_uevent.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p]
LIBRARY.umockdev_testbed_remove_device.argtypes = [ctypes.c_void_p, ctypes.c_char_p]

CARD = """P: /devices/platform/mmc0/block/mmcblk0
N: mmcblk0
E: DEVNAME=/dev/mmcblk0
E: DEVTYPE=disk
E: SUBSYSTEM=block
A: size=62333952
A: ro=0

P: /devices/platform/mmc0/block/mmcblk0/mmcblk0p2
N: mmcblk0p2
E: DEVNAME=/dev/mmcblk0p2
E: DEVTYPE=partition
E: SUBSYSTEM=block
E: ID_FS_TYPE=ext4
E: ID_FS_UUID=1111-card
A: size=61000000
A: partition=2
"""
STICK = """P: /devices/usb1/1-1/block/sda
N: sda
E: DEVNAME=/dev/sda
E: DEVTYPE=disk
E: SUBSYSTEM=block
E: ID_MODEL=Ultra_Fit
E: ID_SERIAL_SHORT=4C53
A: size=31266816
A: ro=0
"""
PART = """P: /devices/usb1/1-1/block/sda/sda1
N: sda1
E: DEVNAME=/dev/sda1
E: DEVTYPE=partition
E: SUBSYSTEM=block
E: ID_MODEL=Ultra_Fit
E: ID_SERIAL_SHORT=4C53
E: ID_FS_TYPE=exfat
E: ID_FS_UUID=7B2D-F0CB
E: ID_FS_LABEL=BACKUP A
A: size=31264768
A: partition=1
"""
LOOP = """P: /devices/virtual/block/loop0
N: loop0
E: DEVNAME=/dev/loop0
E: DEVTYPE=disk
E: SUBSYSTEM=block
A: size=2048
"""


def main() -> None:
    bed = LIBRARY.umockdev_testbed_new()

    def add(*descriptions: str) -> None:
        for each in descriptions:
            assert LIBRARY.umockdev_testbed_add_from_string(bed, each.encode(), None)

    add(CARD, LOOP)
    from appliance.hardware import udev

    udev.mounts = lambda: {"/dev/mmcblk0p2": "/"}
    changed = threading.Event()
    drives = udev.UdevDrives(mounter=None)
    drives.on_change(changed.set)
    told = []

    def look(what: str) -> None:
        if what != "start":
            assert changed.wait(30), what
            changed.clear()
        seen = [
            {
                "path": str(each.path), "name": each.name, "uuid": each.uuid,
                "kind": each.file_system, "octets": each.size_octets, "model": each.model,
                "serial": each.serial, "removable": each.is_removable,
                "disk": str(each.disk), "there": drives.is_present(each),
            }
            for each in drives.drives()
        ]  # fmt: skip
        everything = [str(each.path) for each in drives.everything()]
        told.append({"when": what, "drives": seen, "everything": everything})

    look("start")
    add(STICK)
    LIBRARY.umockdev_testbed_uevent(bed, b"/sys/devices/usb1/1-1/block/sda", b"add")
    look("disk")
    add(PART)
    LIBRARY.umockdev_testbed_uevent(bed, b"/sys/devices/usb1/1-1/block/sda/sda1", b"add")
    look("partition")
    LIBRARY.umockdev_testbed_uevent(bed, b"/sys/devices/usb1/1-1/block/sda/sda1", b"remove")
    LIBRARY.umockdev_testbed_remove_device(bed, b"/sys/devices/usb1/1-1/block/sda/sda1")
    LIBRARY.umockdev_testbed_remove_device(bed, b"/sys/devices/usb1/1-1/block/sda")
    look("pulled")
    sys.stdout.write(json.dumps(told))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    main()
