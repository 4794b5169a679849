"""Plays tests/transcripts/imap/*.txt: what clients say and exactly what they hear.

    given ...     before anything happens (see `GIVEN`)
    C: / S:       a line of the client / the server; C2: and S2: are a second session, and so on
    meanwhile ... something happens elsewhere (see `MEANWHILE`)

Sessions begin when they first say something, logged in unless told otherwise. A client's line may
be followed by others of its literal. Wildcards are visible: `<n>` is any number, `<*>` any text,
any other `<name>` is what stood there first and must then stay the same; client lines may use it.
`(closed)` is the end of a connection, `(TLS)` that TLS began. Whatever a server says and no S: line
expects is a failure.
"""

from __future__ import annotations

import re
from pathlib import Path

from appliance.imap.server import Limits
from appliance.store.flags import SYSTEM_FLAGS
from appliance.threads import run_here
from tests.imap.messages import MESSAGES
from tests.imap.office import WALL, Client, Office

LINE = re.compile(r"([CS])([0-9]?): ?(.*)")


class Play:
    """One transcript."""

    def __init__(self, text: str, folder: Path) -> None:
        self.lines = [
            (number, line)
            for number, line in enumerate(text.splitlines(), start=1)
            if line.strip() and not line.startswith("#")
        ]
        self.folder = folder
        self.options: dict[str, object] = {}
        self.limits: dict[str, int] = {"append_octets": 10_000_000}
        self.quota = 0
        self.logged_in = True
        self.plain_text = False
        self.messages: list[tuple[str, str, str]] = []
        self.mailboxes: list[str] = []
        self.bound: dict[str, str] = {}
        self.clients: dict[str, Client] = {}
        self.recorded: list[str] = []

    def run(self) -> None:
        for _, line in self.lines:
            if line.startswith("given "):
                self._given(line.removeprefix("given ").strip())
        office = Office(self.folder / "mail", limits=Limits(**self.limits), quota=self.quota)
        office.allow_plain_text = self.plain_text
        self.office = office
        for name in self.mailboxes:
            run_here(office.home.create(name))
        for mailbox, name, flags in self.messages:
            self._put(mailbox, name, flags)
        for number, line in self.lines:
            if not line.startswith("given "):
                try:
                    self._line(line)
                except AssertionError as error:
                    raise AssertionError(f"line {number}: {line}\n{error}") from None
        self._all_read()
        office.end()

    # --- given and meanwhile

    def _given(self, what: str) -> None:
        if match := re.fullmatch(r"(\S+) holds (\w+)(?: \((.*)\))?", what):
            self.messages.append((match[1], match[2], match[3] or ""))
        elif match := re.fullmatch(r"a mailbox (\S+)", what):
            self.mailboxes.append(match[1])
        elif match := re.fullmatch(r"a quota of (\d+) octets", what):
            self.quota = int(match[1])
        elif match := re.fullmatch(r"a limit of (\d+) (\w+)", what):
            self.limits[match[2]] = int(match[1])
        elif what == "nobody has logged in":
            self.logged_in = False
        elif what == "a connection without TLS":
            self.options.update(secure=False, tls_offered=True)
        elif what == "no certificate":
            self.options.update(secure=False, tls_offered=False)
        elif what == "passwords in plain text are allowed":
            self.plain_text = True
        else:
            raise AssertionError(f"given what? {what}")

    def _put(self, mailbox: str, name: str, flags: str) -> None:
        words = flags.encode().split()
        bits = sum(SYSTEM_FLAGS.get(word.lower(), 0) for word in words)
        keywords = [word for word in words if not word.startswith(b"\\")]
        self.office.add(MESSAGES[name], mailbox=mailbox, flags=bits, keywords=keywords, date=WALL)

    def _meanwhile(self, what: str) -> None:
        office = self.office
        if match := re.fullmatch(r"a message (\w+) arrives", what):
            self._put("INBOX", match[1], "")
        elif match := re.fullmatch(r"C(\d?) is silent for too long", what):
            self.clients[match[1]].silence()
        elif match := re.fullmatch(r"(\d+) seconds pass", what):
            office.clock.advance(float(match[1]))
        elif match := re.fullmatch(r"the day (\S+) is kept", what):
            run_here(office.store.past.keep(match[1]))
        elif match := re.fullmatch(r"the day (\S+) is let go", what):
            run_here(office.store.past.remove([match[1]]))
        else:
            raise AssertionError(f"meanwhile what? {what}")
        office.run_news()

    # --- lines

    def _line(self, line: str) -> None:
        if line.startswith("meanwhile "):
            self._all_read()
            self._meanwhile(line.removeprefix("meanwhile ").strip())
            return
        match = LINE.fullmatch(line)
        assert match, "this is no line of a transcript"
        who, number, text = match.groups()
        if who == "S":
            self._hear(number, text)
            return
        self._all_read()
        said = re.sub(r"<([A-Za-z]\w*)>", lambda m: self.bound.get(m[1], m[0]), text)
        self._client(number).send(said.encode() + b"\r\n")
        self.office.run_news()

    def _client(self, number: str) -> Client:
        if number not in self.clients:
            client = self.office.connect(logged_in=False, **self.options)
            self.clients[number] = client
            if self.logged_in:
                client.login()
        return self.clients[number]

    def _hear(self, number: str, expected: str) -> None:
        client = self._client(number)
        if expected == "(closed)":
            assert not client.unread, client.unread
            assert client.closed, "it is open"
            return
        if expected == "(TLS)":
            assert client.link.secure, "TLS did not begin"
            return
        line, end, rest = client.unread.partition(b"\r\n")
        assert end, f"nothing was said but {line!r}"
        client.unread = rest
        heard = line.decode("utf-8", "backslashreplace")
        pattern = re.split(r"<([A-Za-z]\w*|\*)>", expected)
        self._compare(heard, pattern)

    def _compare(self, heard: str, pattern: list[str]) -> None:
        rule, names = "", []
        for index, piece in enumerate(pattern):
            if index % 2 == 0:
                rule += re.escape(piece)
            elif piece == "*":
                rule += ".*?"
            elif piece == "n":
                rule += "[0-9]+"
            elif piece in self.bound:
                rule += re.escape(self.bound[piece])
            elif piece in names:
                rule += f"(?P={piece})"
            else:
                rule += f"(?P<{piece}>[A-Za-z0-9_]+)"
                names.append(piece)
        found = re.fullmatch(rule, heard)
        assert found, f"heard: {heard}"
        self.bound.update(found.groupdict())

    def _all_read(self) -> None:
        for number, client in self.clients.items():
            assert not client.unread, f"S{number} also said {client.unread!r}"
