"""What is offered, and what is brought over the page piece by piece."""

from pathlib import Path

import pytest

from appliance.errors import Refused, StorageFull
from appliance.hardware import vitals
from appliance.updates import upload
from appliance.upkeep.offering import Offer


@pytest.mark.parametrize(
    ("offer", "is_news"),
    [
        (Offer("x", version="1.0.1"), True),
        (Offer("x", version="1.0.0"), False),  # the stick it was installed from is still there
        (Offer("x", version="0.9.0", refusal="It is older."), False),
        (Offer("x", refusal="It was not made by the maker of this box."), False),
    ],
)
def test_somebody_hears_of_what_is_newer_only(offer: Offer, is_news: bool) -> None:
    assert offer.is_newer_than("1.0.0") is is_news


def test_pieces_follow_one_another(tmp_path: Path) -> None:
    upload.put(tmp_path, 0, b"given up")
    upload.put(tmp_path, 0, b"one")
    for at in (1, 4, -1):
        with pytest.raises(Refused, match="does not follow"):
            upload.put(tmp_path, at, b"x")
    upload.put(tmp_path, 3, b"two")
    upload.finish(tmp_path)
    assert (tmp_path / "updates" / upload.NAME).read_bytes() == b"onetwo"
    with pytest.raises(Refused, match="begin again"):
        upload.finish(tmp_path)
    upload.forget(tmp_path)
    assert list((tmp_path / "updates").iterdir()) == []


def test_the_card_keeps_room_for_the_box_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vitals, "free_octets", lambda _: 256 << 20)
    with pytest.raises(StorageFull, match="on a USB stick"):
        upload.put(tmp_path, 0, b"x")


def test_nothing_larger_than_any_update_is_taken(tmp_path: Path) -> None:
    upload.put(tmp_path, 0, b"")
    grown = tmp_path / "updates/uploading"
    with grown.open("wb") as file:
        file.truncate(upload.MOST_OCTETS)
    with pytest.raises(Refused, match="no update of Pillarbox"):
        upload.put(tmp_path, upload.MOST_OCTETS, b"x")
