"""Plays tests/transcripts/pop3/*.txt: what the client says and exactly what it hears.

given      before the session begins (see `GIVEN`)
C: / S:    lines; "(closed)" and "(TLS begins)" are what happens to the connection
meanwhile  something happens elsewhere (see `MEANWHILE`)
"""

import re
from pathlib import Path

import pytest

from tests.pop3.fakes import ANNA, Connection, make_context

FILES = sorted((Path(__file__).parent.parent / "transcripts" / "pop3").glob("*.txt"))


def message_of(octets):
    return b"x" * (octets - 2) + b"\r\n"


class Play:
    def __init__(self, text):
        self.lines = [line for line in text.splitlines() if line.strip() and line[0] != "#"]
        self.messages = []
        self.options = {}
        self.logged_in = self.locked = self.plain_allowed = self.offline = False
        for line in self.lines:
            word, _, rest = line.partition(" ")
            if word == "given":
                self.given(rest.strip())

    def given(self, what):
        if match := re.fullmatch(r"a maildrop of ([\d, ]+) octets", what):
            self.messages += [message_of(int(size)) for size in match[1].split(",")]
            self.logged_in = True
        elif match := re.fullmatch(r"a message (.*)", what):
            self.messages.append(match[1].replace("|", "\r\n").encode())
            self.logged_in = True
        elif what == "an empty maildrop":
            self.logged_in = True
        elif what == "nobody has logged in":
            self.logged_in = False
        elif what == "no TLS":
            self.options["secure"] = False
        elif what == "this machine may log in without TLS":
            self.plain_allowed = True
        elif what == "a client on this machine":
            self.options["host"] = "127.0.0.1"
        elif what == "another session has the maildrop":
            self.locked = True
        elif what == "the mail disk is gone":
            self.offline = True
        else:
            raise AssertionError(f"given what? {what}")

    def connect(self):
        context = make_context(self.messages, plain_on_loopback=self.plain_allowed)
        connection = Connection(context, **self.options)
        if self.locked:
            context.locks.add(ANNA.address)
        context.store.mailbox.fails = self.offline
        if self.logged_in:
            connection.log_in()
        return connection

    def exchanges(self):
        """(act, what is said or happens, what must be heard)"""
        found = []
        for line in self.lines:
            word, _, rest = line.partition(" ")
            if word in ("C:", "meanwhile"):
                found.append((word, rest.strip() if word == "meanwhile" else rest, []))
            elif word == "S:":
                found[-1][2].append(rest)
            else:
                assert word == "given", line
        return found


def meanwhile(connection, what):
    mailbox = connection.context.store.mailbox
    if match := re.fullmatch(r"IMAP removes (\d+)", what):
        mailbox.remove([int(match[1])])
    elif what == "the mail disk fails":
        mailbox.fails = True
    elif what == "the connection is lost":
        connection.lost()
    elif what == "another session logs in":
        Connection(connection.context).log_in()
    else:
        raise AssertionError(f"meanwhile what? {what}")


def heard(said):
    return said.decode().split("\r\n")[:-1]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
@pytest.mark.parametrize("size", [1, 10_000], ids=["octet_by_octet", "line_by_line"])
def test_transcript(path, size):
    play = Play(path.read_text())
    connection = play.connect()
    for act, what, wanted in play.exchanges():
        if act == "meanwhile":
            meanwhile(connection, what)
            continue
        line = what.encode() + b"\r\n"
        said = b"".join(
            connection.send(line[start : start + size]) for start in range(0, len(line), size)
        )
        assert heard(said) == wanted, what


def waits_for_nothing(path):
    return all(
        act == "C:" and what != "STLS" for act, what, _ in Play(path.read_text()).exchanges()
    )


@pytest.mark.parametrize("path", [*filter(waits_for_nothing, FILES)], ids=lambda path: path.stem)
def test_transcript_all_at_once(path):
    """PIPELINING (RFC 2449 section 6.6)."""
    play = Play(path.read_text())
    exchanges = play.exchanges()
    connection = play.connect()
    said = connection.send(b"".join(what.encode() + b"\n" for _, what, _ in exchanges))
    assert heard(said) == [line for _, _, wanted in exchanges for line in wanted]
