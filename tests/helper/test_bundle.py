"""An update as a file: whose it is, whether it is whole, and what a hostile one can do (nothing)."""

import json
import os
import random
import subprocess
import zlib
from pathlib import Path

import pytest

from appliance.helper import bundle
from appliance.helper.bundle import MAGIC, PIECE
from appliance.helper.run import Failed
from tests.support.updates import CMDLINE, KERNEL, Maker, make_maker, make_update


@pytest.fixture(scope="module")
def maker(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    return make_maker(tmp_path_factory.mktemp("maker"))


@pytest.fixture(scope="module")
def update(maker: Maker, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_update(tmp_path_factory.mktemp("update"), maker)


def read_all(path: Path, key: Path) -> dict[str, bytes]:
    with bundle.opened(path, key) as (file, manifest):
        return {
            name: b"".join(bundle.octets_of(file, part)) for name, part in manifest.parts.items()
        }


def test_a_good_update_says_what_it_is_and_brings_its_parts(update: Path, maker: Maker) -> None:
    with bundle.opened(update, maker.public) as (_, manifest):
        assert manifest.version == "1.2.3"
        assert manifest.notes == {"en": "Mail is faster.\n", "de": "Post ist schneller.\n"}
    found = read_all(update, maker.public)
    assert found["boot"].rstrip(b"\0") == KERNEL + CMDLINE
    assert len(found["boot"]) < 1 << 20  # its empty end is not carried along
    assert found["root"] == (update.parent / "new-parts/root").read_bytes()


def test_no_piece_is_larger_than_what_is_held_in_memory(maker: Maker, tmp_path: Path) -> None:
    zeros = make_update(tmp_path, maker, root=b"x" * (20 * PIECE))
    with bundle.opened(zeros, maker.public) as (file, manifest):
        assert max(len(each) for each in bundle.octets_of(file, manifest.parts["root"])) <= PIECE


def test_an_update_of_somebody_else_is_refused(update: Path, tmp_path: Path) -> None:
    stranger = make_maker(tmp_path, "stranger")
    with pytest.raises(Failed, match="not made by the maker of this box"):
        read_all(update, stranger.public)


def test_a_box_without_a_key_takes_none(update: Path, tmp_path: Path) -> None:
    with pytest.raises(Failed, match="knows nobody who makes updates"):
        read_all(update, tmp_path / "none.pem")


def test_not_one_changed_octet_comes_through(update: Path, maker: Maker, tmp_path: Path) -> None:
    good = update.read_bytes()
    chance, changed = random.Random(5), tmp_path / "changed.update"
    manifest_ends = good.index(b"]") + 40
    places = [*chance.sample(range(manifest_ends), 12), *chance.sample(range(len(good)), 25)]
    for at in places:
        changed.write_bytes(
            good[:at] + bytes([good[at] ^ 1 << chance.randrange(8)]) + good[at + 1 :]
        )
        with pytest.raises(Failed):
            read_all(changed, maker.public)


@pytest.mark.parametrize("part", [0, 10, 30, 400, 0.5, 0.99, -1])
def test_a_cut_off_update_is_refused(
    update: Path, maker: Maker, tmp_path: Path, part: float
) -> None:
    good = update.read_bytes()
    cut = tmp_path / "cut.update"
    cut.write_bytes(good[: int(part * len(good)) if 0 < part < 1 else int(part)])
    with pytest.raises(Failed):
        read_all(cut, maker.public)


def test_something_after_the_end_is_refused(update: Path, maker: Maker, tmp_path: Path) -> None:
    longer = tmp_path / "longer.update"
    longer.write_bytes(update.read_bytes() + b"x")
    with pytest.raises(Failed, match="damaged"):
        read_all(longer, maker.public)


@pytest.mark.parametrize(
    "content",
    [b"", b"PK\x03\x04" + bytes(1000), MAGIC, MAGIC + b"-1\n", MAGIC + b"999999999999\n",
     MAGIC + b"12\n{}", MAGIC + b"5" * 5000, MAGIC + "٣\n".encode() + bytes(200)],
)  # fmt: skip
def test_what_is_no_update_is_said_to_be_none(content: bytes, maker: Maker, tmp_path: Path) -> None:
    file = tmp_path / "x.update"
    file.write_bytes(content)
    with pytest.raises(Failed, match=r"no update of Pillarbox|damaged"):
        read_all(file, maker.public)


def test_only_files_are_opened(maker: Maker, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.update")  # would keep root waiting for ever
    for name in ("pipe.update", ".", "none.update"):
        with pytest.raises(Failed):
            read_all(tmp_path / name, maker.public)


def signed(maker: Maker, tmp_path: Path, manifest: object, parts: bytes = b"") -> Path:
    """What only the maker could make: a manifest of any form, signed well."""
    (tmp_path / "text").write_bytes(text := json.dumps(manifest).encode())
    command = ["openssl", "pkeyutl", "-sign", "-inkey", maker.private, "-rawin"]
    subprocess.run([*command, "-in", tmp_path / "text", "-out", tmp_path / "sig"], check=True)
    file = tmp_path / "signed.update"
    signature = (tmp_path / "sig").read_bytes()
    file.write_bytes(MAGIC + f"{len(text)}\n".encode() + text + signature + parts)
    return file


@pytest.mark.parametrize("manifest", [
    [], {}, 3, {"version": "1.2.3", "parts": []}, {"version": "1.2.3", "parts": [3]},
    {"version": "1.2.3", "parts": [{"name": "boot", "size": -1, "packed": 1, "sha256": "0" * 64}]},
    {"version": "newest", "parts": []},
])  # fmt: skip
def test_a_form_of_the_future_is_said_to_be_one(
    maker: Maker, tmp_path: Path, manifest: object
) -> None:
    with pytest.raises(Failed, match="made for a newer box"):
        read_all(signed(maker, tmp_path, manifest), maker.public)


def test_a_part_that_unpacks_to_more_than_it_says_ends_there(maker: Maker, tmp_path: Path) -> None:
    packed = zlib.compress(bytes(50 * PIECE))
    parts = [
        {"name": name, "size": PIECE, "packed": len(packed), "sha256": "0" * 64, "slot_at": 0}
        for name in ("root", "boot")
    ]
    file = signed(maker, tmp_path, {"version": "1.2.3", "parts": parts}, packed * 2)
    with bundle.opened(file, maker.public) as (opened, manifest):
        pieces = bundle.octets_of(opened, manifest.parts["root"])
        assert len(next(pieces)) == PIECE
        with pytest.raises(Failed, match="damaged"):
            next(pieces)


@pytest.mark.parametrize(
    ("older", "newer"),
    [("0.1.0", "0.2.0"), ("0.9.0", "0.10.0"), ("1.0.0", "1.0.1"), ("a development", "0.0.1")],
)
def test_versions_are_compared_as_numbers(older: str, newer: str) -> None:
    assert bundle.order(older) < bundle.order(newer)
