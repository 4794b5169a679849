"""The page for updates: what a stick brings, what is brought over the page, how the last one went."""

import time

import pytest

from appliance import control
from tests.support.updates import make_maker, make_update
from tests.web.browser import Reader


@pytest.fixture(scope="module")
def maker(office):
    maker = make_maker(office.folder, "maker")
    (office.state / "simulated").mkdir(exist_ok=True)
    (office.state / "simulated/update.pem").write_bytes(maker.public.read_bytes())
    return maker


def _until(says, seconds=30):
    end = time.monotonic() + seconds
    while not says():
        assert time.monotonic() < end
        time.sleep(0.2)


def test_a_stick_with_an_update_is_offered_with_plain_notes(office, owner, helper, maker, tmp_path):
    page = owner.get("/updates")
    assert page.says("None. Plug in a USB stick with an update on it.")
    stick = tmp_path / "stick"
    stick.mkdir()
    make_update(tmp_path, maker, version="9.9.9").rename(stick / "pillarbox-9.9.9.update")
    make_update(tmp_path, make_maker(tmp_path), name="forged").rename(stick / "forged.update")
    office.cli("sim", "plug", str(stick))
    control.ask(office.state, "drives_ready")
    _until(lambda: owner.get("/updates").says("Version 9.9.9"))
    page = owner.get("/updates")
    assert page.says("Mail is faster.")
    assert page.says("not made by the maker of this box")
    assert page.text.count("Install it") == 1
    assert "Install it" not in helper.get("/updates").text
    assert helper.do("/updates", "update_install", path="/x").says("You may not do this")
    # no other file than those that are offered
    assert owner.do("/updates", "update_install", path="/etc/passwd").says("no such update")
    office.cli("sim", "unplug", str(stick))
    control.ask(office.state, "drives_ready")
    _until(lambda: owner.get("/updates").says("None. Plug in"))


def put(reader, query, octets=b""):
    return reader.put(f"/updates/file?{query}", octets)


def test_an_update_is_brought_over_the_page_in_pieces(office, owner, helper, maker, tmp_path):
    content = make_update(tmp_path, maker, version="9.9.8", root=b"x" * 99_999).read_bytes()
    assert put(helper, "at=0", content).status == 403
    assert put(Reader(office), "at=0", content).status == 403
    middle = len(content) // 2
    assert put(owner, "at=0", b"an earlier try that was given up").status == 204
    assert put(owner, "at=0", content[:middle]).status == 204
    assert put(owner, "at=x", content).status == 409
    assert put(owner, f"at={middle + 1}", content[middle:]).status == 409
    assert put(owner, f"at={middle}", content[middle:]).status == 204
    assert helper.api("POST", "/update/bring", {}).status == 403
    assert owner.api("POST", "/update/bring", {}).status == 204
    _until(lambda: owner.get("/updates").says("Version 9.9.8"))
    assert owner.get("/updates").says("brought over this page")
    owner.do("/updates", "update_forget")
    _until(lambda: owner.get("/updates").says("None. Plug in"))
    assert not list((office.state / "updates").glob("upload*"))
