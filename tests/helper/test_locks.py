"""Locked disks: what root tells cryptsetup, in which order, and what is never seen. The real thing
is in tests/image/test_locked_disk.py; here programs of the system are played by a fake."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from appliance.helper import locks
from appliance.helper.locks import Lock, Locked
from appliance.helper.perform import answer
from appliance.helper.requests import Format, Unlock, from_line, to_line
from appliance.helper.run import Failed, run

WORDS = "abandon ability able about above absent absorb abstract"
UUID = "b2f9a268-eed7-47ef-b921-b2386348d7fe"


class Kernel:
    """The mappings and the disks, and every command that was given."""

    def __init__(self, folder: Path) -> None:
        self.block, self.folder = folder / "block", folder
        self.block.mkdir()
        self.commands: list[tuple[list[str], bytes]] = []
        self.keys: dict[str, bytes] = {}
        self.way = ""
        self.fails_at = ""

    def run(self, command: list[str], *, given: bytes = b"", **_: object) -> str:
        self.commands.append((list(command), given))
        if self.fails_at and self.fails_at in command:
            raise Failed("the power went")
        match command[:2]:
            case ["blkid", *_]:
                is_locked = f"TYPE=crypto_LUKS\nUUID={UUID}\nSUBSYSTEM=pillarbox-{self.way}\n"
                return is_locked if self.way else ""
            case ["cryptsetup", "luksFormat"]:
                self.way = command[command.index("--subsystem") + 1].removeprefix("pillarbox-")
                self.keys = {"1": given}
            case ["cryptsetup", "luksAddKey"]:
                assert given == self.keys["1"]
                self.keys["0"] = Path(command[-1]).read_bytes()
            case ["cryptsetup", "luksKillSlot"]:
                self.keys.pop("0")
            case ["cryptsetup", "open"]:
                if self.keys.get(command[command.index("--key-slot") + 1]) == given:
                    self.open(command[-1], Path(command[-2]).name)
            case ["dmsetup", "remove"]:
                self.close(command[-1])
        return ""

    def open(self, name: str, disk: str, uuid: str = UUID) -> None:
        here = self.block / f"dm-{len(list(self.block.iterdir()))}"
        (here / "dm").mkdir(parents=True)
        (here / "slaves").mkdir()
        (here / "dm/name").write_text(f"{name}\n")
        (here / "dm/uuid").write_text(f"CRYPT-LUKS2-{uuid.replace('-', '')}-{name}\n")
        (self.folder / disk).mkdir(exist_ok=True)
        (here / "slaves" / disk).symlink_to(self.folder / disk)

    def pull(self, disk: str) -> None:
        (self.folder / disk).rmdir()

    def close(self, name: str) -> None:
        for each in self.block.iterdir():
            if (each / "dm/name").read_text().strip() == name:
                subprocess.run(["rm", "-r", str(each)], check=True)

    def did(self) -> list[str]:
        return [" ".join(command[:2]) for command, _ in self.commands]


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kernel:
    found = Kernel(tmp_path)
    mappings = locks.mappings
    monkeypatch.setattr(locks, "run", found.run)
    monkeypatch.setattr(locks, "mappings", lambda: mappings(found.block))
    monkeypatch.setattr(locks, "KEYS", tmp_path / "keys")
    monkeypatch.setattr(locks.uuids, "uuid4", lambda: UUID)
    return found


def test_a_disk_locked_by_the_card_opens_by_itself_and_by_its_words(kernel: Kernel) -> None:
    assert locks.make("/dev/sda", "MAIL", Lock("card", WORDS)) == UUID
    (key,) = (locks.KEYS).iterdir()
    assert (key.name, key.stat().st_size, key.stat().st_mode & 0o777) == (UUID, 64, 0o600)
    assert locks.KEYS.stat().st_mode & 0o777 == 0o700
    kernel.close(f"pillarbox-{UUID}")
    assert locks.opened("/dev/sda", UUID, ()) == "/dev/dm-0"
    kernel.close(f"pillarbox-{UUID}")
    key.unlink()
    with pytest.raises(Locked) as refused:
        locks.opened("/dev/sda", UUID, ())
    assert refused.value.way == "card"
    locks.unlock("/dev/sda", UUID, WORDS, keeps=False)
    assert not key.exists()


def test_after_the_words_the_card_opens_it_again_where_it_shall(kernel: Kernel) -> None:
    locks.make("/dev/sda", "MAIL", Lock("card", WORDS))
    (key,) = locks.KEYS.iterdir()
    before = key.read_bytes()
    key.unlink()
    kernel.close(f"pillarbox-{UUID}")
    locks.unlock("/dev/sda", UUID, WORDS, keeps=True)
    assert kernel.keys["0"] == key.read_bytes() != before


def test_the_key_is_there_before_the_disk_knows_of_it(kernel: Kernel) -> None:
    kernel.fails_at = "luksFormat"
    with pytest.raises(Failed):
        locks.make("/dev/sda", "MAIL", Lock("card", WORDS))
    assert [each.stat().st_size for each in locks.KEYS.iterdir()] == [64]
    assert kernel.did()[-1] == "cryptsetup luksFormat"


def test_a_stick_opens_it_only_while_it_is_there(kernel: Kernel, tmp_path: Path) -> None:
    stick = tmp_path / "stick"
    stick.mkdir()
    locks.make("/dev/sda", "MAIL", Lock("stick", WORDS, stick))
    kernel.close(f"pillarbox-{UUID}")
    assert [each.name for each in stick.iterdir()] == [f"pillarbox-key-{UUID[:8]}"]
    assert not locks.KEYS.exists()
    with pytest.raises(Locked) as refused:
        locks.opened("/dev/sda", UUID, [tmp_path])
    assert refused.value.way == "stick"
    assert locks.opened("/dev/sda", UUID, [tmp_path, stick])


@pytest.mark.parametrize("kind", ["link", "short", "long", "folder", "pipe"])
def test_what_is_no_key_on_a_stick_is_passed_over(
    kernel: Kernel, tmp_path: Path, kind: str
) -> None:
    stick = tmp_path / "stick"
    stick.mkdir()
    locks.make("/dev/sda", "MAIL", Lock("stick", WORDS, stick))
    kernel.close(f"pillarbox-{UUID}")
    (key,) = stick.iterdir()
    right = key.read_bytes()
    key.unlink()
    (tmp_path / "elsewhere").write_bytes(right)
    {"link": lambda: key.symlink_to(tmp_path / "elsewhere"), "folder": key.mkdir,
     "short": lambda: key.write_bytes(right[:63]), "long": lambda: key.write_bytes(right + b"\n"),
     "pipe": lambda: os.mkfifo(key)}[kind]()  # fmt: skip
    with pytest.raises(Locked):
        locks.opened("/dev/sda", UUID, [stick])


def test_typed_words_are_the_only_key(kernel: Kernel) -> None:
    locks.make("/dev/sda", "MAIL", Lock("typed", WORDS))
    assert set(kernel.keys) == {"1"}
    assert not locks.KEYS.exists()
    kernel.close(f"pillarbox-{UUID}")
    with pytest.raises(Failed, match="not the words of this disk"):
        locks.unlock("/dev/sda", UUID, WORDS.replace("able", "zone"), keeps=True)
    locks.unlock("/dev/sda", UUID, WORDS, keeps=True)
    assert locks.opened("/dev/sda", UUID, ()) == "/dev/dm-0"


def test_a_disk_that_was_pulled_is_opened_anew(kernel: Kernel) -> None:
    locks.make("/dev/sda", "MAIL", Lock("card", WORDS))
    kernel.pull("sda")
    assert [each.is_alive for each in locks.mappings()] == [False]
    locks.opened("/dev/sdb", UUID, ())
    assert [(each.is_alive, each.disks) for each in locks.mappings()] == [(True, ("sdb",))]
    remove = next(command for command, _ in kernel.commands if command[0] == "dmsetup")
    assert remove == ["dmsetup", "remove", "--deferred", f"pillarbox-{UUID}"]


def test_while_somebody_reads_from_a_disk_that_was_pulled_it_opens_beside(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    locks.make("/dev/sda", "MAIL", Lock("card", WORDS))
    kernel.pull("sda")
    monkeypatch.setattr(kernel, "close", lambda _name: None)
    locks.opened("/dev/sdb", UUID, ())
    names = [each.name for each in locks.mappings() if each.is_alive]
    assert names == [f"pillarbox-{UUID}-2"]


def test_no_secret_is_on_a_command_line_or_printed(kernel: Kernel, tmp_path: Path) -> None:
    for lock in (Lock("card", WORDS), Lock("typed", WORDS), Lock("stick", WORDS, tmp_path)):
        locks.make("/dev/sda", "MAIL", lock)
        assert "abandon" not in repr(lock)
    locks.unlock("/dev/sda", UUID, WORDS, keeps=True)
    said = " ".join(word for command, _ in kernel.commands for word in command)
    assert "abandon" not in said
    assert "abandon" not in repr(Format("/dev/sda", "1", "MAIL", "card", WORDS))
    assert "abandon" not in repr(Unlock("/dev/sda", UUID, WORDS))


def test_forgetting_destroys_the_keys_of_card_and_disk(kernel: Kernel) -> None:
    locks.make("/dev/sda", "MAIL", Lock("card", WORDS))
    locks.forget("/dev/sda")
    assert kernel.commands[-1][0] == ["cryptsetup", "luksErase", "--batch-mode", "/dev/sda"]
    assert list(locks.KEYS.iterdir()) == []


@pytest.mark.parametrize(
    ("way", "words", "stick"),
    [("", WORDS, None), ("none", WORDS, None), ("card", "secret", None), ("typed", "", None),
     ("card", WORDS.upper(), None), ("stick", WORDS, None), ("card", WORDS, Path("/tmp"))],
)  # fmt: skip
def test_a_weak_or_half_lock_is_none(way: str, words: str, stick: Path | None) -> None:
    with pytest.raises(Failed):
        Lock(way, words, stick)


@pytest.mark.parametrize(
    ("features", "wanted"),
    [("Features\t: fp asimd crc32\n", "adiantum"), ("Features\t: fp aes sha2\n", "aes-xts"),
     ("flags : fpu aes-like\n", "adiantum")],
)  # fmt: skip
def test_the_cipher_is_the_one_the_processor_is_quick_at(
    tmp_path: Path, features: str, wanted: str
) -> None:
    (tmp_path / "cpuinfo").write_text(features)
    assert wanted in locks.cipher(tmp_path / "cpuinfo")[1]


def test_a_strangers_header_leads_to_no_file_of_ours(kernel: Kernel) -> None:
    with pytest.raises(Failed, match="no UUID"):
        locks.opened("/dev/sda", "etc-passwd", ())


def test_a_locked_disk_is_told_by_its_way_and_not_as_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> None:
        raise Locked("stick")

    monkeypatch.setattr("appliance.helper.disks.mount_mail", refuse)
    assert answer(b'{"request": "mount-mail", "device": "/dev/sda", "uuid": "abcd"}\n') == {
        "ok": {"locked": "stick"}
    }


def test_a_request_to_lock_comes_over_the_wire_as_it_was() -> None:
    request = Format("/dev/sda", "SN", "MAIL", "stick", WORDS, "1234-ABCD")
    assert from_line(to_line(request)) == request
    refused = answer(to_line(Format("/dev/null", "SN", "MAIL", "typed", "weak")))
    assert set(refused) == {"error"}


def test_what_a_program_is_given_comes_to_its_standard_input() -> None:
    assert run(["cat"], given=b"quiet") == "quiet"
