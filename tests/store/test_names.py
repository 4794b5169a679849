"""Names of files and folders, and the alphabet of folders."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import Refused
from appliance.store import flags, mutf7, names


def test_a_name_carries_uid_size_and_internal_date() -> None:
    base = names.make_base(names.make_permanent(1795382941, b"Q7R1"), 57, 10240)
    assert base == b"1795382941.Q7R1.pillarbox,S=10240,U=57"
    carried = names.read_base(base)
    assert (carried.uid, carried.size, carried.virtual_size, carried.date) == (
        57,
        10240,
        None,
        1795382941,
    )
    assert carried.permanent == b"1795382941.Q7R1.pillarbox"


@given(
    st.from_regex(
        rb"(-?[0-9]{1,13}|x)\.[^.,\n]{0,4}\.(pillarbox|host)(,[SWUX]=[0-9]{0,11}){0,4}",
        fullmatch=True,
    )
)
def test_a_usual_name_tells_the_same_as_reading_it_with_care(base: bytes) -> None:
    usual, carried = names.read_usual(base), names.read_base(base)
    if usual is not None:
        assert (carried.date, carried.size, carried.virtual_size) == (*usual, None)
        assert carried.uid is not None


def test_names_as_we_write_them_are_usual() -> None:
    assert names.read_usual(b"1795382941.Q7R1.pillarbox,S=10240,U=57") == (1795382941, 10240)
    assert names.read_usual(b"1795382941.M1P2.elsewhere,S=10240,U=57") == (None, 10240)
    assert names.read_usual(b"1795382941.Q7R1.pillarbox,S=10,W=12,U=57") is None


def test_a_new_uid_replaces_the_old_one_and_keeps_the_permanent_name() -> None:
    old = b"1795382941.Q7R1.pillarbox,S=10240,U=57"
    assert names.make_base(old, 3, 10240) == b"1795382941.Q7R1.pillarbox,S=10240,U=3"


def test_the_size_with_crlf_is_written_only_where_it_differs() -> None:
    assert names.make_base(b"1.a.b", 1, 10, 12) == b"1.a.b,S=10,W=12,U=1"
    assert names.make_base(b"1.a.b,W=9", 1, 10, 10) == b"1.a.b,S=10,U=1"


def test_the_seconds_of_a_foreign_name_are_no_internal_date() -> None:
    assert names.read_base(b"1795382941.M1P2.dovecot,S=3,W=4").date is None


@pytest.mark.parametrize(
    ("name", "directory"),
    [
        ("INBOX", ""),
        ("Sent", ".Sent"),
        ("Projects/2026", ".Projects.2026"),
        ("Vers. 1.0", ".Vers&AC4- 1&AC4-0"),
        ("Entwürfe", ".Entw&APw-rfe"),
        ("R&D", ".R&-D"),
        ("日本語/台北", ".&ZeVnLIqe-.&U,BTFw-"),
        ("INBOX/Below", ".INBOX.Below"),
    ],
)
def test_a_mailbox_is_a_directory_and_back(name: str, directory: str) -> None:
    assert names.directory_name(name) == directory
    if directory:
        assert names.mailbox_name(directory) == name


@pytest.mark.parametrize(
    "name", ["", "/", "a//b", "/a", "a/", "a\nb", "a\0b", "\ud800", "x" * 250, "a/" * 40 + "a"]
)
def test_a_name_that_cannot_be_a_mailbox_is_refused(name: str) -> None:
    with pytest.raises(Refused):
        names.directory_name(name)


@pytest.mark.parametrize("directory", [".", "..", ".a..b", ".&AAA", ".&AC8-", ".inbox", ".&2AA-"])
def test_a_strange_directory_is_no_mailbox(directory: str) -> None:
    name = names.mailbox_name(directory)
    assert name is None or "/" not in name


def test_inbox_is_inbox_in_any_case_also_as_a_parent() -> None:
    assert names.canonical("inBox") == "INBOX"
    assert names.canonical("inbox/Old") == "INBOX/Old"
    assert names.canonical("inboxes") == "inboxes"


@pytest.mark.parametrize("address", ["", "a/b@c", "..", ".x", "a\0b", "x" * 300])
def test_an_address_that_cannot_be_a_directory_is_refused(address: str) -> None:
    with pytest.raises(Refused):
        names.account_directory(address)


@given(st.text(alphabet=st.characters(blacklist_categories=("Cs",))))
def test_modified_utf7_comes_back_whole(text: str) -> None:
    assert mutf7.decode(mutf7.encode(text)) == text
    assert mutf7.decode(mutf7.encode_level(text)) == text
    assert mutf7.encode(text).isascii()
    assert "." not in mutf7.encode_level(text)


@given(st.text())
def test_any_text_at_all_may_be_decoded(text: str) -> None:
    mutf7.decode(text)


@given(st.integers(0, 31), st.integers(0, (1 << 26) - 1))
def test_letters_of_a_name_come_back_as_flags(bits: int, keywords: int) -> None:
    said = flags.letters(bits, keywords)
    assert flags.from_letters(said) == (bits, keywords)
    assert bytes(sorted(said)) == said


@given(st.binary())
def test_any_file_name_can_be_read(base: bytes) -> None:
    carried = names.read_base(base)
    again = names.read_base(names.make_base(base.replace(b"\n", b"_"), 7, 100))
    assert again.uid == 7
    assert again.size == 100
    assert b"," not in carried.permanent
