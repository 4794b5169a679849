"""The daemon, killed at a chosen act on the disk: CUT="pattern of a path;which act, from 0"."""

import os
import re
import signal

from appliance import files
from appliance.cli import main

part, _, which = os.environ.get("CUT", ";0").rpartition(";")
left = int(which or 0)


def cut(_act: str, path: files.PathLike) -> None:
    """End this process as SIGKILL does, at the act."""
    global left
    if part and re.search(part, os.fsdecode(path)):
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)


files.fault = cut
main()
