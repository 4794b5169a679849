"""What a released version leaves behind, kept for ever: `python -m tests.updates.earlier` writes it.

Run it once for each release, on a version that is about to be released: the folder
`earlier/VERSION` then holds every setting as delivered, and the database of a box with a person, a
colleague, an alias and mail that came and went. Every later version must start with it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
import smtplib
import sqlite3
import tempfile
from pathlib import Path

from appliance import __version__
from appliance.settings import Settings
from tests.support.box import Box

EARLIER = Path(__file__).parent / "earlier"


def settings_text() -> str:
    """Every setting with what it is as delivered, as TOML."""
    lines = []
    for section in dataclasses.fields(Settings):
        lines.append(f"[{section.name}]")
        values = dataclasses.asdict(getattr(Settings(), section.name))
        lines += [f"{name} = {_toml(value)}" for name, value in values.items()]
    return "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list):
        return f"[{', '.join(_toml(each) for each in value)}]"
    return f'"{value}"' if isinstance(value, str) else str(value)


def main() -> None:
    """Write the folder of this version."""
    folder = EARLIER / __version__
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "settings.toml").write_text(settings_text())
    with tempfile.TemporaryDirectory() as place, Box(Path(place) / "box") as box:
        box.cli("alias", "add", "info@office.test", box.address("anna"))
        box.cli("account", "app-password", "add", box.address("anna"), "phone", "--for", "imap")
        with smtplib.SMTP("127.0.0.1", box.port(25)) as server:
            server.sendmail("x@example.org", box.address("anna"), "Subject: kept\r\n\r\nkept\r\n")
        box.terminate()
        with contextlib.closing(sqlite3.connect(box.state / "appliance.db")) as db:
            version = db.execute("PRAGMA user_version").fetchone()[0]
            db.execute("delete from secrets")  # each box makes its own
            lines = [*db.iterdump(), f"PRAGMA user_version = {version};"]
            (folder / "appliance.sql").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
