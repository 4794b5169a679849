"""What the card is made of, for programs: `sbom.py VERSION PACKAGES PYTHON FILE` writes the lists
of Debian's and Python's packages (card.sh) as CycloneDX 1.6. Two builds of the same are alike."""

from __future__ import annotations

import datetime
import json
import os
import re
import sys
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import quote

_GPIO = Path(__file__).with_name("gpio.lock")
_LOCKED = re.compile(r"^([\w.-]+)==(\S+)", re.MULTILINE)


def debian(line: str) -> dict[str, Any]:
    """A component of `NAME VERSION ARCHITECTURE`."""
    name, version, architecture = line.split()
    where = f"pkg:deb/debian/{quote(name)}@{quote(version, safe='')}"
    return _component(name, version, f"{where}?arch={architecture}&distro=trixie")


def python(line: str) -> dict[str, Any]:
    """A component of `NAME VERSION`."""
    name, version = line.split()
    plain = re.sub(r"[-_.]+", "-", name).lower()  # as PyPI writes it
    return _component(plain, version, f"pkg:pypi/{plain}@{quote(version)}")


def _component(name: str, version: str, purl: str) -> dict[str, Any]:
    return {"type": "library", "name": name, "version": version, "purl": purl, "bom-ref": purl}


def bill(version: str, packages: str, wheels: str, locked: str, when: int) -> dict[str, Any]:
    """The whole document; `when` in seconds since 1970."""
    listed = [line for line in wheels.splitlines() if line.split()[0] != "pillarbox"]
    known = {python(line)["name"] for line in listed}
    listed += [
        f"{n} {v}" for n, v in _LOCKED.findall(locked) if python(f"{n} {v}")["name"] not in known
    ]
    components = [debian(line) for line in packages.splitlines()] + [
        python(line) for line in listed
    ]
    components.sort(key=lambda each: str(each["purl"]))
    number = uuid.uuid5(uuid.NAMESPACE_URL, f"pillarbox {version} {json.dumps(components)}")
    box = {"type": "firmware", "name": "pillarbox", "version": version, "bom-ref": "pillarbox"}
    moment = datetime.datetime.fromtimestamp(when, datetime.UTC)
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{number}",
        "version": 1,
        "metadata": {
            "timestamp": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": box,
        },
        "components": components,
    }


def main(version: str, packages: str, wheels: str, target: str) -> None:
    """Write it."""
    when = int(os.environ["SOURCE_DATE_EPOCH"])
    told = bill(
        version, Path(packages).read_text(), Path(wheels).read_text(), _GPIO.read_text(), when
    )
    Path(target).write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
