"""What we sign, another implementation verifies; keys follow each other without a gap."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from appliance.accounts.database import AccountsDatabase
from appliance.errors import NotFound
from appliance.filters import signing
from appliance.filters.keys import ED25519, RETIRED_SECONDS, RSA, Keys, Stage

NOW = 1_700_000_000.0
UGLY = {
    "plain": b"From: anna@office.test\r\nSubject: x\r\n\r\nHello\r\n",
    "no-body": b"From: anna@office.test\r\nSubject: x\r\n\r\n",
    "blank-lines": b"From: anna@office.test\r\n\r\n\r\n\r\nHello  \r\n\r\n\r\n",
    "folded": (
        b"From: anna@office.test\r\nSubject: a\r\n\tb\r\n   c\r\n"
        b"To: a@b.test,\r\n c@d.test\r\n\r\nx\r\n"
    ),
    "utf8": "From: anna@office.test\r\nSubject: Grüße\r\n\r\nGrüße\r\n".encode(),
    "twice": b"From: anna@office.test\r\nTo: a@b.test\r\nTo: c@d.test\r\n\r\nx\r\n",
    "long-line": b"From: anna@office.test\r\n\r\n" + b"x" * 5000 + b"\r\n",
}


@pytest.fixture
def keys(tmp_path: Path):
    database = AccountsDatabase(tmp_path)
    yield Keys(database)
    database.close()


@pytest.mark.parametrize("name", UGLY)
def test_opendkim_verifies_both_signatures(name: str, keys: Keys, tmp_path: Path) -> None:
    message = UGLY[name]
    pair = keys.ensure("office.test", NOW)
    for key in pair:
        made = signing.fields(message, [key])
        assert made.startswith(b"DKIM-Signature:")
        said = verified_by_opendkim(tmp_path, key, made + message)
        assert "succeeded" in said, said


def verified_by_opendkim(folder: Path, key, message: bytes) -> str:
    (folder / "dns").write_text(f"{key.record_name} {key.record}\n")
    (folder / "message").write_bytes(message)
    (folder / "conf").write_text(f"TestDNSData {folder}/dns\nSoftwareHeader no\nMode v\n")
    program = shutil.which("opendkim", path="/usr/sbin:/usr/bin")
    assert program
    done = subprocess.run(
        [program, "-x", str(folder / "conf"), "-t", str(folder / "message"), "-v"],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


def test_next_keys_are_published_before_they_are_used_and_old_ones_stay_a_while(keys: Keys) -> None:
    first = keys.ensure("office.test", NOW)
    assert {key.algorithm for key in first} == {RSA, ED25519}
    assert keys.current() == {}
    keys.take("office.test", NOW)
    following = keys.prepare("office.test", NOW + 1)
    assert keys.prepare("office.test", NOW + 2) == following
    assert {key.selector for key in keys.current()["office.test"]} == {k.selector for k in first}
    keys.take("office.test", NOW + 3)
    assert {k.selector for k in keys.current()["office.test"]} == {k.selector for k in following}
    assert {key.stage for key in keys.of("office.test")} == {Stage.CURRENT, Stage.RETIRED}
    with pytest.raises(NotFound):
        keys.take("office.test", NOW + 4)
    keys.prepare("office.test", NOW + RETIRED_SECONDS * 2)
    keys.take("office.test", NOW + RETIRED_SECONDS * 2)
    assert not {key.selector for key in first} & {k.selector for k in keys.of("office.test")}


def test_no_key_is_shown_by_accident(keys: Keys) -> None:
    for key in keys.ensure("office.test", NOW):
        assert key.private not in repr(key)
