"""What we sign, another implementation verifies; keys follow each other without a gap."""

from __future__ import annotations

import shutil
import smtplib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.accounts.database import AccountsDatabase
from appliance.errors import NotFound
from appliance.filters import signing
from appliance.filters.keys import ED25519, RETIRED_SECONDS, RSA, Keys, Stage
from appliance.message.header import raw_fields
from tests.corpus import ugly_messages
from tests.support.box import DOMAIN, Box

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

NO_HEADERS = {  # lines above the blank line that are no fields: others disagree what is signed
    "body_only", "body_without_blank_line", "colonless_lines_300_kb", "missing_colon_lines",
    "one_octet", "space_before_colon",
}  # fmt: skip


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


@pytest.fixture
def own_box(tmp_path: Path) -> Iterator[Box]:
    """What is signed and waits here must not be in the way of other tests."""
    with Box(tmp_path / "box") as box:
        yield box


def test_ugly_mail_that_leaves_is_verified_by_opendkim(own_box: Box, tmp_path: Path) -> None:
    """Submitted, signed, and read from the spool as it will go out."""
    box = own_box
    anna = box.account("anna")
    box.cli("domain", "dns", DOMAIN, "--no-check")
    box.cli("domain", "dkim", DOMAIN, "use")
    database = AccountsDatabase(box.state)
    keys = {key.algorithm: key for key in Keys(database).of(DOMAIN)}
    database.close()
    taken = []
    with smtplib.SMTP_SSL("127.0.0.1", box.port(465), context=box.tls(), timeout=60) as client:
        client.login(anna.address, anna.password)
        for name, message in ugly_messages().items():
            if len(message) > 1_000_000 or b"\0" in message or not message.isascii():
                continue
            if max(map(len, raw_of(message)), default=0) > 60_000:
                continue  # the other program takes no longer header
            own = b"".join(raw for field, raw in raw_fields(message.partition(b"\r\n\r\n")[0])
                           if field not in {b"from", b"sender", b"x-case"})  # fmt: skip
            body = message.partition(b"\r\n\r\n")[2]
            top = f"From: {anna.address}\r\nX-Case: {name}\r\n".encode()
            client.mail(anna.address)
            client.rcpt("joe@far.test")
            code, _ = client.data(top + own.strip(b"\r\n") + b"\r\n\r\n" + body)
            client.rset()
            taken += [name] if code == 250 else []
    assert len(taken) > 80
    found = [file.read_bytes() for file in (box.mail / "queue").glob("*.eml")]
    sent = {name: text for text in found for name in taken
            if f"\r\nX-Case: {name}\r\n".encode() in text}  # fmt: skip
    assert len(sent) == len(taken)
    wrong = []
    for name, text in sent.items():
        message = text.partition(b"\r\n")[2]  # Return-Path stays here
        if message.count(b"DKIM-Signature: ") < 2:
            wrong.append((name, "unsigned", ""))
            continue
        for key in keys.values():
            said = verified_by_opendkim(tmp_path, key, only(message, key.selector))
            wrong += [] if "succeeded" in said else [(name, key.algorithm, said)]
    assert {each[0] for each in wrong} <= NO_HEADERS, wrong
    print(f"{len(sent)} messages of the corpus, each with both signatures, verified by opendkim")


def raw_of(message: bytes) -> list[bytes]:
    return [raw for _, raw in raw_fields(message.partition(b"\r\n\r\n")[0])]


def only(message: bytes, selector: str) -> bytes:
    """Without the other signature: the program looks at the first one only."""
    header, _, body = message.partition(b"\r\n\r\n")
    kept = [raw for name, raw in raw_fields(header + b"\r\n")
            if name != b"dkim-signature" or b"s=%b;" % selector.encode() in raw]  # fmt: skip
    return b"".join(kept) + b"\r\n" + body


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
