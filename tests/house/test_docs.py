"""The documents say what is so."""

import re
import subprocess
from pathlib import Path

import pytest

from appliance import __version__, settings
from appliance.cli import parser
from tests.house import reference

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


def tracked():
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return [ROOT / name for name in listed.stdout.split("\n") if name]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: p.name)
def test_every_file_that_a_document_names_exists(document):
    text = document.read_text()
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", text)
    missing = [link for link in links if not (document.parent / link).exists()]
    assert missing == []


def test_every_command_of_build_sh_is_in_the_readme():
    commands = re.findall(r"^command_(\w+)\(\)", (ROOT / "build.sh").read_text(), re.MULTILINE)
    readme = (ROOT / "README.md").read_text()
    assert [c for c in commands if f"./build.sh {c.replace('_', '-')}" not in readme] == []


def test_every_pillarbox_command_in_the_documents_is_understood():
    for document in DOCUMENTS:
        for line in re.findall(r"^(?:\$ )?pillarbox (.*)$", document.read_text(), re.MULTILINE):
            words = line.split(" #")[0].split(" <")[0].split()
            parser().parse_args(words)


@pytest.mark.parametrize("name", sorted(reference.PAGES))
def test_generated_pages_are_up_to_date(name):
    """Make them anew with: .venv/bin/python -m tests.house.reference"""
    assert (ROOT / "docs" / name).read_text() == reference.PAGES[name]()


def test_every_setting_has_help_that_ends_like_a_sentence():
    for section in settings.Settings.__dataclass_fields__:
        kind = type(getattr(settings.Settings(), section))
        for field in kind.__dataclass_fields__:
            assert settings.help_of(kind, field).help.endswith(".")


def test_the_changelog_knows_this_version():
    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_decisions_are_numbered_without_gaps():
    numbers = re.findall(r"^## (\d+)\.", (ROOT / "DECISIONS.md").read_text(), re.MULTILINE)
    assert numbers == [str(n) for n in range(1, len(numbers) + 1)]


def test_the_locks_have_hashes_and_name_no_address():
    for lock in (
        "requirements.lock",
        "requirements-dev.lock",
        "tests/clients/node/package-lock.json",
    ):
        text = (ROOT / lock).read_text()
        assert "sha256:" in text or '"integrity"' in text
        assert not re.search(r"https?://[^\"]*\.(whl|tgz|tar\.gz)|--index-url|\"resolved\"", text)


def test_no_file_holds_a_private_key():
    mark = "PRIVATE" + " KEY-----"
    assert [p.name for p in tracked() if p.is_file() and mark.encode() in p.read_bytes()] == []
