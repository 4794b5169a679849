"""A strict reader of everything an IMAP server may say, written from the ABNF.

RFC 9051 §9 and RFC 3501 §9, with the additions of RFC 2087/9208, 2971, 3516, 4315, 4731, 5161,
5182, 5255, 5258, 5464, 5530, 5819, 6855, 7162, 8438, 8474 and 8514. Knows nothing of the code it
judges. The one freedom: a literal may hold NUL where a message does (BODY[] is sent unchanged).
"""

from __future__ import annotations

import re

from tests.message.grammar import NotInGrammar, Reader

ATOM = re.compile(rb"[^\x00-\x20(){%*\"\\\]\x7f-\xff]+")
TAG = re.compile(rb"[^\x00-\x20(){%*\"\\+\x7f-\xff]+")
NUMBER = re.compile(rb"[0-9]+")
NZ_NUMBER = re.compile(rb"[1-9][0-9]*")
FLAG = re.compile(rb"\\?[^\x00-\x20(){%*\"\\\]\x7f-\xff]+")
FLAG_PERM = re.compile(rb"\\\*|\\?[^\x00-\x20(){%*\"\\\]\x7f-\xff]+")
TEXT = re.compile(rb"[^\r\n\x00\x80-\xff]+")
SET = re.compile(rb"[1-9][0-9]*(?::[1-9][0-9]*)?(?:,[1-9][0-9]*(?::[1-9][0-9]*)?)*")
DATE_TIME = re.compile(
    rb'"[ 0-3][0-9]-(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)-[0-9]{4} [0-2][0-9]:[0-5][0-9]:[0-6][0-9] [+-][0-9]{4}"'
)
SECTION = re.compile(rb"(?:[1-9][0-9]*(?:\.[1-9][0-9]*)*)?")
OBJECT_ID = re.compile(rb"\([A-Za-z0-9_-]{1,255}\)")
BASE64 = re.compile(rb"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")

CODES_PLAIN = {
    b"ALERT", b"PARSE", b"READ-ONLY", b"READ-WRITE", b"TRYCREATE", b"UNAVAILABLE", b"CLOSED",
    b"AUTHENTICATIONFAILED", b"AUTHORIZATIONFAILED", b"EXPIRED", b"PRIVACYREQUIRED", b"NOPERM",
    b"CONTACTADMIN", b"INUSE", b"EXPUNGEISSUED", b"CORRUPTION", b"SERVERBUG", b"CLIENTBUG",
    b"CANNOT", b"LIMIT", b"OVERQUOTA", b"ALREADYEXISTS", b"NONEXISTENT", b"NOTSAVED", b"HASCHILDREN",
    b"UNKNOWN-CTE", b"TOOBIG", b"USEATTR", b"NOMODSEQ", b"UIDNOTSTICKY", b"BADCHARSET",
}  # fmt: skip
CODE_ARGUMENTS = {
    b"UIDNEXT": (NZ_NUMBER,),
    b"UIDVALIDITY": (NZ_NUMBER,),
    b"UNSEEN": (NZ_NUMBER,),
    b"HIGHESTMODSEQ": (NZ_NUMBER,),
    b"APPENDUID": (NZ_NUMBER, SET),
    b"COPYUID": (NZ_NUMBER, SET, SET),
    b"MODIFIED": (SET,),
    b"MAILBOXID": (OBJECT_ID,),
}
STATUS_NUMBERS = {
    b"MESSAGES", b"RECENT", b"UIDNEXT", b"UIDVALIDITY", b"UNSEEN", b"DELETED", b"SIZE",
    b"HIGHESTMODSEQ", b"APPENDLIMIT", b"DELETED-STORAGE",
}  # fmt: skip
MAILBOX_FLAGS = {
    b"\\noinferiors", b"\\noselect", b"\\marked", b"\\unmarked", b"\\nonexistent", b"\\haschildren",
    b"\\hasnochildren", b"\\subscribed", b"\\remote", b"\\all", b"\\archive", b"\\drafts",
    b"\\flagged", b"\\junk", b"\\sent", b"\\trash", b"\\inbox",
}  # fmt: skip


class Judge(Reader):
    def take(self, rule: re.Pattern[bytes], what: str) -> bytes:
        found = rule.match(self.data, self.position)
        if found is None:
            raise self.fail(what)
        self.position = found.end()
        return found[0]

    def quoted(self) -> bytes:
        """After UTF8=ACCEPT or IMAP4rev2 a quoted string may hold UTF-8; nothing else 8-bit."""
        self.expect(b'"')
        out = bytearray()
        while (char := self.peek()) != b'"':
            if char == b"\\":
                self.position += 1
                char = self.peek()
                if char not in (b'"', b"\\"):
                    raise self.fail("quoted-special")
            elif char == b"" or char in b"\r\n\x00":
                raise self.fail("TEXT-CHAR")
            out += char
            self.position += 1
        self.position += 1
        try:
            out.decode("utf-8")
        except UnicodeDecodeError:
            raise self.fail("UTF-8 in a quoted string") from None
        return bytes(out)

    def space(self) -> None:
        self.expect(b" ")

    def line_end(self) -> None:
        self.expect(b"\r\n")

    def astring(self) -> bytes:
        if self.peek() in (b'"', b"{"):
            return self.string()
        return self.take(re.compile(rb"[^\x00-\x20(){%*\"\\\x7f-\xff]+"), "astring")

    def body_literal(self, *, binary: bool = False) -> None:
        if self.nil():
            return
        if self.peek() == b'"':
            self.quoted()
            return
        if binary and self.peek() == b"~":
            self.position += 1
        self.expect(b"{")
        size = self.number()
        self.expect(b"}\r\n")
        if len(self.peek(size)) != size:
            raise self.fail("a whole literal")
        self.position += size

    # --- responses

    def everything(self) -> None:
        while self.position < len(self.data):
            if self.peek(1) == b"+":
                self.continuation()
            elif self.peek(2) == b"* ":
                self.position += 2
                self.untagged()
            else:
                self.tagged()
            self.line_end()

    def continuation(self) -> None:
        self.expect(b"+ ")
        rest = self.data[self.position : self.data.find(b"\r\n", self.position)]
        if rest == b"" or BASE64.fullmatch(rest):
            self.position += len(rest)
        else:
            self.resp_text()

    def tagged(self) -> None:
        self.take(TAG, "a tag")
        self.space()
        word = self.take(ATOM, "a status")
        if word not in (b"OK", b"NO", b"BAD"):
            raise self.fail("OK, NO or BAD")
        self.space()
        self.resp_text()

    def resp_text(self) -> None:
        if self.peek() == b"[":
            self.position += 1
            self.code()
            self.expect(b"]")
            self.space()
        self.take(TEXT, "a text")

    def code(self) -> None:
        name = self.take(ATOM, "a response code")
        if name == b"BADCHARSET" and self.peek() == b" ":
            self.space()
            self.listed(self.astring, b" ")
        elif name in CODE_ARGUMENTS:
            for rule in CODE_ARGUMENTS[name]:
                self.space()
                self.take(rule, "an argument of the response code")
        elif name == b"CAPABILITY":
            self.space()
            self.capabilities()
        elif name == b"PERMANENTFLAGS":
            self.space()
            self.flags(FLAG_PERM)
        elif name not in CODES_PLAIN:
            raise self.fail(f"a known response code instead of {name!r}")

    def capabilities(self) -> None:
        words = [self.take(ATOM, "a capability")]
        while self.peek() == b" ":
            self.space()
            words.append(self.take(ATOM, "a capability"))
        if len(set(words)) != len(words):
            raise self.fail("no capability twice")
        if b"IMAP4rev1" not in words:
            raise self.fail("IMAP4rev1")

    def flags(self, rule: re.Pattern[bytes] = FLAG) -> None:
        self.expect(b"(")
        found = []
        while self.peek() != b")":
            if found:
                self.space()
            found.append(self.take(rule, "a flag").lower())
        self.position += 1
        if len(set(found)) != len(found):
            raise self.fail("no flag twice")

    def untagged(self) -> None:
        if self.peek().isdigit():
            self.numbered()
            return
        name = self.take(ATOM, "a response")
        reader = RESPONSES.get(name)
        if reader is None:
            raise self.fail(f"a known response instead of {name!r}")
        reader(self)

    def numbered(self) -> None:
        number = self.number()
        self.space()
        word = self.take(ATOM, "EXISTS, RECENT, EXPUNGE or FETCH")
        if word in (b"EXISTS", b"RECENT"):
            return
        if number == 0:
            raise self.fail("a number that is not zero")
        if word == b"EXPUNGE":
            return
        if word != b"FETCH":
            raise self.fail("EXISTS, RECENT, EXPUNGE or FETCH")
        self.space()
        self.expect(b"(")
        self.fetch_item()
        while self.peek() != b")":
            self.space()
            self.fetch_item()
        self.position += 1

    def status_text(self) -> None:
        self.space()
        self.resp_text()

    def capability_response(self) -> None:
        self.space()
        self.capabilities()

    def enabled(self) -> None:
        while self.peek() == b" ":
            self.space()
            self.take(ATOM, "a capability")

    def flags_response(self) -> None:
        self.space()
        self.flags()

    def list_response(self) -> None:
        self.space()
        self.expect(b"(")
        found = []
        while self.peek() != b")":
            if found:
                self.space()
            found.append(self.take(FLAG, "a mailbox flag").lower())
        self.position += 1
        if len(set(found)) != len(found) or not set(found) <= MAILBOX_FLAGS:
            raise self.fail(f"known mailbox flags instead of {found}")
        self.space()
        if not self.nil():
            self.quoted()
        self.space()
        self.astring()
        if self.peek() == b" ":
            self.space()
            self.listed(self.extended_item, b" ")

    def extended_item(self) -> None:
        if self.astring() != b"CHILDINFO":
            raise self.fail("CHILDINFO")
        self.space()
        self.listed(self.quoted, b" ")

    def search(self) -> None:
        while self.peek() == b" ":
            self.space()
            if self.peek() == b"(":
                self.expect(b"(MODSEQ ")
                self.take(NZ_NUMBER, "a modseq")
                self.expect(b")")
                return
            self.take(NZ_NUMBER, "a number")

    def esearch(self) -> None:
        if self.peek(2) == b" (":
            self.expect(b" (TAG ")
            self.string()
            self.expect(b")")
        if self.peek(4) == b" UID":
            self.position += 4
        while self.peek() == b" ":
            self.space()
            word = self.take(ATOM, "a result")
            self.space()
            if word in (b"MIN", b"MAX", b"MODSEQ"):
                self.take(NZ_NUMBER, "a number")
            elif word == b"COUNT":
                self.number()
            elif word == b"ALL":
                self.take(SET, "a set")
            else:
                raise self.fail("a known result")

    def status(self) -> None:
        self.space()
        self.astring()
        self.space()
        self.expect(b"(")
        first = True
        while self.peek() != b")":
            if not first:
                self.space()
            first = False
            word = self.take(ATOM, "a status item")
            self.space()
            if word == b"MAILBOXID":
                self.take(OBJECT_ID, "an object id")
            elif word in STATUS_NUMBERS:
                self.number()
            else:
                raise self.fail("a known status item")
        self.position += 1

    def namespace(self) -> None:
        for _ in range(3):
            self.space()
            if not self.nil():
                self.listed(self.namespace_item, b"")

    def namespace_item(self) -> None:
        self.expect(b"(")
        self.string()
        self.space()
        if not self.nil():
            self.quoted()
        self.expect(b")")

    def id_response(self) -> None:
        self.space()
        if self.nil():
            return
        if len(self.listed(self.nstring, b" ")) % 2:
            raise self.fail("pairs")

    def quota(self) -> None:
        self.space()
        self.astring()
        self.space()
        self.listed(self.quota_resource, b" ")

    def quota_resource(self) -> None:
        self.take(ATOM, "a resource")
        for _ in range(2):
            self.space()
            self.number()

    def quotaroot(self) -> None:
        self.space()
        self.astring()
        while self.peek() == b" ":
            self.space()
            self.astring()

    def vanished(self) -> None:
        self.space()
        if self.peek() == b"(":
            self.expect(b"(EARLIER) ")
        self.take(SET, "known-uids")

    # --- FETCH

    def fetch_item(self) -> None:
        name = self.take(re.compile(rb"[A-Z0-9.]+"), "a fetch item")
        if name == b"BODY":
            self.body_item()
        elif name in (b"BINARY", b"BINARY.SIZE"):
            self.binary_item(name)
        elif name in FETCH_ITEMS:
            self.space()
            FETCH_ITEMS[name](self)
        else:
            raise self.fail(f"a known fetch item instead of {name!r}")

    def date_time(self) -> None:
        self.take(DATE_TIME, "a date-time")

    def save_date(self) -> None:
        if not self.nil():
            self.date_time()

    def nz_number(self) -> None:
        self.take(NZ_NUMBER, "a number that is not zero")

    def modseq(self) -> None:
        self.expect(b"(")
        self.nz_number()
        self.expect(b")")

    def structure(self) -> None:
        self.body(extended=True)

    def object_id(self) -> None:
        self.take(OBJECT_ID, "an object id")

    def thread_id(self) -> None:
        if not self.nil():
            self.object_id()

    def body_item(self) -> None:
        if self.peek() == b" ":
            self.space()
            self.body(extended=False)
            return
        self.expect(b"[")
        part = self.take(SECTION, "a section")
        if part and self.peek() == b".":
            self.position += 1
        if self.peek() != b"]":
            text = self.take(re.compile(rb"[A-Z.]+"), "a section text")
            if text in (b"HEADER.FIELDS", b"HEADER.FIELDS.NOT"):
                self.space()
                self.listed(self.astring, b" ")
            elif text not in (b"HEADER", b"TEXT") and not (part and text == b"MIME"):
                raise self.fail("a known section text")
        self.expect(b"]")
        self.origin()
        self.space()
        self.body_literal()

    def binary_item(self, name: bytes) -> None:
        self.expect(b"[")
        self.take(SECTION, "a section part")
        self.expect(b"]")
        if name == b"BINARY.SIZE":
            self.space()
            self.number()
            return
        self.origin()
        self.space()
        self.body_literal(binary=True)

    def origin(self) -> None:
        if self.peek() == b"<":
            self.position += 1
            self.number()
            self.expect(b">")


FETCH_ITEMS = {
    b"FLAGS": Judge.flags,
    b"INTERNALDATE": Judge.date_time,
    b"SAVEDATE": Judge.save_date,
    b"RFC822.SIZE": Judge.number,
    b"UID": Judge.nz_number,
    b"MODSEQ": Judge.modseq,
    b"ENVELOPE": Judge.envelope,
    b"BODYSTRUCTURE": Judge.structure,
    b"RFC822": Judge.body_literal,
    b"RFC822.HEADER": Judge.body_literal,
    b"RFC822.TEXT": Judge.body_literal,
    b"EMAILID": Judge.object_id,
    b"THREADID": Judge.thread_id,
}
RESPONSES = {
    b"OK": Judge.status_text,
    b"NO": Judge.status_text,
    b"BAD": Judge.status_text,
    b"BYE": Judge.status_text,
    b"PREAUTH": Judge.status_text,
    b"CAPABILITY": Judge.capability_response,
    b"ENABLED": Judge.enabled,
    b"FLAGS": Judge.flags_response,
    b"LIST": Judge.list_response,
    b"LSUB": Judge.list_response,
    b"XLIST": Judge.list_response,
    b"SEARCH": Judge.search,
    b"ESEARCH": Judge.esearch,
    b"STATUS": Judge.status,
    b"NAMESPACE": Judge.namespace,
    b"ID": Judge.id_response,
    b"QUOTA": Judge.quota,
    b"QUOTAROOT": Judge.quotaroot,
    b"VANISHED": Judge.vanished,
}


def judge(heard: bytes) -> None:
    """Raise NotInGrammar unless all of it is IMAP."""
    Judge(heard).everything()


__all__ = ["NotInGrammar", "judge"]
