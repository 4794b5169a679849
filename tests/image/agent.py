"""Runs inside the box under test: one JSON line in, one out. Handed in as a credential of systemd,
so that nothing of it is in the image."""

import json
import os
import subprocess

PORT = "/dev/virtio-ports/test.agent"


def answer(line: bytes) -> bytes:
    asked = json.loads(line)
    try:
        done = subprocess.run(
            asked["command"], shell=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=asked["seconds"], check=False,
        )  # fmt: skip
        said = {"status": done.returncode, "output": done.stdout.decode("utf-8", "replace")}
    except subprocess.TimeoutExpired as error:
        said = {"status": 124, "output": (error.stdout or b"").decode("utf-8", "replace")}
    return json.dumps(said).encode() + b"\n"


def main() -> None:
    descriptor = os.open(PORT, os.O_RDWR)
    os.write(descriptor, b'{"status": 0, "output": "here"}\n')
    waiting = b""
    while True:
        waiting += os.read(descriptor, 65536)
        while b"\n" in waiting:
            line, _, waiting = waiting.partition(b"\n")
            said = answer(line)
            while said:
                said = said[os.write(descriptor, said) :]


main()
