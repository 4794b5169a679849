"""Settings: defaults, limits, and one sentence with line and field for everything that is wrong."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import BadSettings
from appliance.settings import Settings, load, parse


def test_an_empty_file_and_no_file_mean_the_defaults(tmp_path):
    assert parse("") == Settings()
    assert load(tmp_path / "none.toml") == Settings()


def test_what_is_named_replaces_the_default_and_nothing_else():
    tree = parse("[smtp]\nlargest_message_mib = 10\n")
    assert tree.smtp.largest_message_mib == 10
    assert tree == dataclasses.replace(Settings(), smtp=tree.smtp)


def test_the_tree_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().smtp.connections = 1


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "[smtp]\n\nlargest_message_mib = 0\n",
            "s line 3: smtp.largest_message_mib must be between 1 and 500, not 0.",
        ),
        (
            "[smtp]\nlargest_message_mib = 'big'\n",
            "s line 2: smtp.largest_message_mib must be a whole number, not 'big'.",
        ),
        (
            "[smtp]\nlargest_message_mib = true\n",
            "s line 2: smtp.largest_message_mib must be a whole number, not True.",
        ),
        (
            "smtp.largest_message_mib = 0\n",
            "s line 1: smtp.largest_message_mib must be between 1 and 500, not 0.",
        ),
        (
            "[server]\nlog_level = 'loud'\n",
            "s line 2: server.log_level must be one of debug, info, warning, error, not 'loud'.",
        ),
        ("[server]\nhost_name = 'a b'\n", "s line 2: server.host_name cannot be 'a b'."),
        (
            "[server]\nhost_name = 5\n",
            's line 2: server.host_name must be a text in "quotes", not 5.',
        ),
        (
            "[smtp]\n[imap]\nsize = 1\n",
            "s line 3: imap.size is not a setting (there are connections,",
        ),
        ("# x\n[smpt]\n", "s line 2: there is no section 'smpt' (there are server,"),
        ("smtp = 5\n", "s line 1: 'smtp' is a section: write [smtp]."),
        ("[smtp\n", "s is not TOML: "),
    ],
)
def test_what_is_wrong_is_said_with_line_and_field(text, sentence):
    with pytest.raises(BadSettings) as refusal:
        parse(text, name="s")
    assert str(refusal.value).startswith(sentence)
    assert str(refusal.value).count("\n") == 0


def test_a_file_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "s.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadSettings, match="cannot be read"):
        load(tmp_path / "s.toml")


@given(st.text(max_size=80))
def test_any_text_at_all_is_settings_or_refused(text):
    try:
        assert isinstance(parse(text), Settings)
    except BadSettings as refusal:
        assert str(refusal)
