"""Mail that waits at a provider: a real Dovecot, the whole daemon, the command line."""

from __future__ import annotations

import json
import random
import re
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.corpus import ugly_messages
from tests.relay.authority import Authority
from tests.support.box import Box, Person, wait_until
from tests.support.dovecot import PASSWORD, Provider
from tests.support.mail import letter, stored_messages

KINDS = ["imap", "pop3"]
SETTINGS = '[fetch]\nca_file = "{ca}"\n[filters]\ndmarc = "off"\n'


class Office:
    """A provider and the box that collects from it."""

    def __init__(self, box: Box, provider: Provider) -> None:
        self.box = box
        self.provider = provider

    def collect(self, kind: str, user: str, to: str, *more: str, host: str = "localhost") -> str:
        """Set a source up; its name."""
        security = "starttls" if "starttls" in more else "tls"
        port = self.provider.ports[kind if security == "starttls" else f"{kind}s"]
        name = f"{user}-{kind}"
        self.box.cli(
            "fetch", "add", name, host, user, "--to", to, "--kind", kind, "--port", str(port),
            "--password-stdin", *(("--security", *more) if more[:1] == ("starttls",) else more),
            stdin=f"{PASSWORD}\n",
        )  # fmt: skip
        return name

    def standing(self, name: str) -> dict[str, object]:
        listed = json.loads(self.box.cli("fetch", "list", "--json"))
        (found,) = [each for each in listed if each["name"] == name]
        assert isinstance(found, dict)
        return found

    def visit(self, name: str) -> None:
        """Have a source visited once more, and wait for the end of it."""
        before = self.standing(name)["last_visit"]
        self.box.cli("fetch", "now", name)
        wait_until(lambda: self.standing(name)["last_visit"] != before, "it is visited")


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder = Path(tempfile.mkdtemp(prefix="provider-", dir="/var/tmp"))
    folder.chmod(0o755)
    authority = Authority(folder)
    authority.server("localhost")
    provider = Provider(folder / "dovecot", folder / "localhost-30.pem")
    settings = SETTINGS.format(ca=authority.file)
    try:
        provider.start()
        with Box(tmp_path_factory.mktemp("box"), settings=settings) as box:
            yield Office(box, provider)
    finally:
        provider.stop()
        shutil.rmtree(folder, ignore_errors=True)


def has(box: Box, person: Person, number: int) -> list[bytes]:
    wait_until(
        lambda: len(stored_messages(box, person)) >= number, f"{number} messages came", seconds=30
    )
    found = stored_messages(box, person)
    assert len(found) == number
    return found


@pytest.mark.parametrize("more", [(), ("starttls",)], ids=["tls", "starttls"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_waits_is_collected_once_and_stays_there(
    office: Office, kind: str, more: tuple[str, ...]
) -> None:
    anna = office.box.person("anna")
    user = office.provider.user(f"keep-{kind}{len(more)}")
    ugly = [
        each for name, each in ugly_messages().items()
        if each.endswith(b"\r\n") and b"\0" not in each and b"eturn-" not in each[:2000]
        and not re.search(rb"\r(?!\n)|(?<!\r)\n", each)
    ]  # fmt: skip
    office.provider.deliver(user, *ugly)
    name = office.collect(kind, user, anna.address, *more)
    found = has(office.box, anna, len(ugly))
    for content in ugly:
        assert any(each.endswith(content) for each in found), content[:300]
    wait_until(lambda: office.standing(name).get("last_visit"), "the visit ends")
    if kind == "pop3":
        office.visit(name)
    has(office.box, anna, len(ugly))
    assert office.provider.left(user) == len(ugly)


def test_new_mail_is_here_within_seconds_by_idle(office: Office) -> None:
    anna = office.box.person("anna")
    user = office.provider.user("idle")
    name = office.collect("imap", user, anna.address)
    wait_until(lambda: office.standing(name).get("last_visit"), "it is connected")
    time.sleep(0.5)
    begun = time.monotonic()
    office.provider.deliver(user, letter("pushed", "joe@else.test", anna.address))
    has(office.box, anna, 1)
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize("kind", KINDS)
def test_deleted_there_when_it_is_here_for_certain(office: Office, kind: str) -> None:
    anna = office.box.person("anna")
    user = office.provider.user(f"move-{kind}")
    office.provider.deliver(user, *(letter(f"m{n}", "joe@else.test", "x@y.test") for n in range(5)))
    office.collect(kind, user, anna.address, "--keep-days", "0")
    has(office.box, anna, 5)
    wait_until(lambda: office.provider.left(user) == 0, "they are deleted")


@pytest.mark.parametrize("kind", KINDS)
def test_a_mailbox_with_another_uidvalidity_is_not_collected_again(
    office: Office, kind: str
) -> None:
    anna = office.box.person("anna")
    user = office.provider.user(f"anew-{kind}")
    texts = [letter(f"m{n}", "joe@else.test", "x@y.test") for n in range(5)]
    office.provider.deliver(user, *texts[:4])
    name = office.collect(kind, user, anna.address)
    has(office.box, anna, 4)
    wait_until(lambda: office.standing(name).get("last_visit"), "the visit ends")
    before = office.provider.marks(user)
    office.provider.stop()
    office.provider.forget_marks(user)
    office.provider.start()
    office.provider.deliver(user, texts[4])
    office.visit(name)
    has(office.box, anna, 5)
    assert office.provider.marks(user) != before


def test_a_wrong_password_is_told_and_not_tried_again_and_again(office: Office) -> None:
    user = office.provider.user("locked")
    box = office.box
    box.cli(
        "fetch", "add", "locked", "localhost", user, "--to", box.address("anna"),
        "--port", str(office.provider.ports["imaps"]), "--password-stdin", stdin="wrong\n",
    )  # fmt: skip
    wait_until(lambda: office.standing("locked").get("trouble"), "it fails")
    trouble = str(office.standing("locked")["trouble"])
    assert trouble.startswith("localhost does not accept the login of locked: ")
    assert "next_visit" in office.standing("locked")
    wait_until(lambda: "Mail cannot be collected from locked" in box.cli("status"), "it is shown")
    assert "wrong" not in box.cli("fetch", "list", "--json")
    assert "\nwrong" not in box.log()
    box.cli("fetch", "remove", "locked")
    assert "locked" not in box.cli("status")


def test_another_server_in_its_place_gets_no_password(office: Office) -> None:
    user = office.provider.user("fooled")
    name = office.collect("imap", user, office.box.address("anna"), host="127.0.0.1")
    wait_until(lambda: office.standing(name).get("trouble"), "it fails")
    assert "could not prove that it is 127.0.0.1" in str(office.standing(name)["trouble"])
    assert "user=<fooled>" not in office.provider.log()


def test_a_message_too_large_is_told_about_and_stays_there(office: Office) -> None:
    anna = office.box.person("anna")
    user = office.provider.user("large")
    large = letter("huge", "joe@else.test", anna.address, ("x" * 98 + "\r\n") * 2000)
    office.provider.deliver(user, large, letter("small", "joe@else.test", anna.address))
    office.collect("imap", user, anna.address, "--largest", "100K", "--keep-days", "0")
    both = b"".join(has(office.box, anna, 2))
    assert b"Subject: About small" in both
    assert b"Subject: A message is too large to be collected" in both
    assert b"    Subject: About huge" in both
    wait_until(lambda: office.provider.left(user) == 1, "the other is deleted")


def test_the_mailbox_of_a_domain_is_split_to_its_people(office: Office) -> None:
    anna, ben = office.box.person("anna"), office.box.person("ben")
    user = office.provider.user("whole-domain")

    def copy(name: str, *header: str, to: str = "all@else.test") -> bytes:
        top = "".join(f"{each}\r\n" for each in header)
        return top.encode() + letter(name, "joe@else.test", to)

    office.provider.deliver(
        user,
        copy("one", f"X-Original-To: {anna.address}", f"Delivered-To: {ben.address}"),
        copy("two", f"Delivered-To: {ben.address}"),
        copy("two-copies", f"X-Original-To: {anna.address}"),
        copy("two-copies", f"X-Original-To: {ben.address}"),
        copy("both", to=f"{anna.address}, {ben.address}"),
        copy("both", to=f"{anna.address}, {ben.address}"),
        copy("told-by-for",
             "Received: from a.else.test (a.else.test [192.0.2.1])\r\n\tby mx.provider.test"
             f" with ESMTP id x\r\n\tfor <{anna.address}>; Mon, 23 Nov 2026 08:15:00 +0100"),
        copy("nobody-knows"),
        copy("unknown", "X-Original-To: nobody@office.test"),
    )  # fmt: skip
    order = "x-original-to,delivered-to,received,to-cc"
    owner = office.box.account("anna")
    before = len(stored_messages(office.box, owner))
    office.collect("imap", user, "@office.test", "--fields", order)
    wait_until(lambda: len(stored_messages(office.box, owner)) == before + 2, "all is here")
    assert subjects(office.box, anna) == ["both", "one", "told-by-for", "two-copies"]
    assert subjects(office.box, ben) == ["both", "two", "two-copies"]


def subjects(box: Box, person: Person) -> list[str]:
    found = [re.search(rb"Subject: About (\S+)", each) for each in stored_messages(box, person)]
    return sorted(each[1].decode() for each in found if each)


@pytest.mark.parametrize("kind", KINDS)
def test_killed_again_and_again_each_message_comes_exactly_once(office: Office, kind: str) -> None:
    killed_while_collecting(office, kind, messages=300, kills=6)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_5000_messages_50_kills(office: Office, kind: str) -> None:
    killed_while_collecting(office, kind, messages=5000, kills=50)


def killed_while_collecting(office: Office, kind: str, *, messages: int, kills: int) -> None:
    box, chance = office.box, random.Random(messages)
    anna = box.person("anna")
    user = office.provider.user(f"killed-{kind}-{messages}")
    names = [f"k{number}" for number in range(messages)]
    office.provider.deliver(user, *(letter(n, "joe@else.test", anna.address) for n in names))
    office.collect(kind, user, anna.address, "--keep-days", "0" if kills > 6 else "-1")
    each = messages / (kills + 1)
    for number in range(kills):
        goal = each * (number + chance.uniform(0.3, 1.0))
        wait_until(lambda goal=goal: len(here(box, anna)) >= goal, "some came", seconds=120)
        box.kill()
        box.start()
    wait_until(lambda: len(here(box, anna)) >= messages, "all came", seconds=300)
    time.sleep(1)
    found = Counter(
        re.search(rb"Message-ID: <(.*?)@", each)[1].decode() for each in stored_messages(box, anna)
    )
    assert found == Counter(names)
    print(f"{messages} messages over {kind}, {kills} kills, each here exactly once")


def here(box: Box, person: Person) -> list[Path]:
    return [
        path for part in ("new", "cur") for path in (box.maildir(person) / part).glob("*")
    ]  # fmt: skip
