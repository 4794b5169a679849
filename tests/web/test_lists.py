"""Lists of people: read as spreadsheets write them, seen row by row, made one by one."""

import dataclasses
import quopri
import re
import subprocess
import uuid
from contextlib import closing

import pytest

from appliance.accounts.database import AccountsDatabase
from appliance.accounts.directory import Account, Directory
from appliance.accounts.registry import Registry
from appliance.errors import Refused
from appliance.web import imports, lists, people
from appliance.web.lists import Row
from tests.support.box import wait_until
from tests.support.mail import stored_messages
from tests.web.browser import Reader

_PEOPLE = Directory(
    domains=frozenset({"office.test"}),
    accounts={"anna@office.test": Account("anna@office.test", "Anna", 0, "", None)},
    aliases={"info@office.test": ("anna@office.test",)},
)


def _read(text):
    return [(row.address, row.name, row.quota) for row in lists.rows_of(text)]


@pytest.mark.parametrize(
    "text",
    [
        "Address,Name,Quota\neva@office.test,Éva Müller,2G\n",
        "E-Mail-Adresse;Vorname;Nachname;Speicher\r\neva@office.test;Éva;Müller;2 G\r\n",
        "name\temail\tlimit\r\n\r\nÉva Müller\teva@office.test\t2G",
        'sep=;\n"Nachname";"E-Mail";"Vorname";"Speicherplatz"\n"Müller";"eva@office.test";"Éva";"2G"',
        "\ufeffNAME;E_MAIL;QUOTA\nÉva Müller;eva@office.test;2G",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_every_spreadsheet_is_understood(text, encoding):
    if encoding == "cp1252":
        text = text.replace("\ufeff", "")
    assert _read(lists.decoded(text.encode(encoding))) == [("eva@office.test", "Éva Müller", "2G")]


def test_what_is_quoted_may_hold_separators_and_lines():
    text = 'name;address\n"Müller; ""Eva""\nof the shop";eva@office.test\n'
    assert _read(text) == [("eva@office.test", 'Müller; "Eva" of the shop', "")]


def test_without_names_of_columns_the_address_is_seen():
    assert _read("eva@office.test,Eva\nfritz@office.test,Fritz\n") == [
        ("eva@office.test", "Eva", ""),
        ("fritz@office.test", "Fritz", ""),
    ]
    assert _read("Eva;eva@office.test") == [("eva@office.test", "Eva", "")]
    assert _read("eva@office.test") == [("eva@office.test", "", "")]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "nobody"),
        ("\n \n;;\n", "nobody"),
        ("just words\nand more", "first line must name"),
        ("address\n" + "a@office.test\n" * 501, "at most 500"),
        ("address,name\n" + "x" * 150_000 + "\n", "cannot be read"),
    ],
)
def test_what_is_no_list_is_refused_in_a_sentence(text, why):
    with pytest.raises(Refused, match=why):
        lists.rows_of(text)


def test_beside_each_row_stands_what_is_wrong_with_it():
    text = (
        "address,name,quota\nEVA@Office.test,Eva,\nfritz,Fritz,500M\nno address,x,\n,empty,\n"
        "x@else.test,X,\nanna@office.test,Anna,\ninfo@office.test,Info,\nbig@office.test,B,huge\n"
        "twice@office.test,T,\nTwice@office.test,T,\nspared@office.test,S,\n"
    )
    refused = {"spared@office.test": "Only an owner."}
    found = lists.checked(lists.rows_of(text), _PEOPLE, lambda one: refused.get(one, ""))
    assert [(row.address, row.problem.partition(" ")[0]) for row in found] == [
        ("eva@office.test", ""),
        ("fritz@office.test", ""),
        ("no address", "This"),
        ("", "This"),
        ("x@else.test", "This"),
        ("anna@office.test", "There"),
        ("info@office.test", "This"),
        ("big@office.test", "This"),
        ("twice@office.test", "This"),
        ("twice@office.test", "This"),
        ("spared@office.test", "Only"),
    ]
    assert dataclasses.replace(found[1]).quota_octets == 500 << 20


def _upload(reader, page, operation, name, content):
    """A file chosen in a form."""
    edge = uuid.uuid4().hex
    parts = [
        f'--{edge}\r\nContent-Disposition: form-data; name="_do"\r\n\r\n{operation}\r\n'.encode(),
        f'--{edge}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n\r\n'.encode(),
        f'--{edge}\r\nContent-Disposition: form-data; name="{name}-file"; filename="p.csv"\r\n'
        "Content-Type: text/csv\r\n\r\n".encode()
        + content
        + b"\r\n",
        f"--{edge}--\r\n".encode(),
    ]
    return reader.send(page, b"".join(parts), f"multipart/form-data; boundary={edge}")


def _made(reader):
    wait_until(lambda: reader.get("/people/import").says("made"), "all are made", seconds=30)
    wait_until(
        lambda: reader.api("GET", "/import").json["state"] == "made", "all are made", seconds=30
    )
    return reader.api("GET", "/import").json


def test_a_list_is_seen_row_by_row_and_made_only_when_all_that_is_chosen_is_right(office, owner):
    content = "Adresse;Name\r\nmia@office.test;Mia Groß\r\nanna@office.test;Anna\r\nnic;Nic\r\n"
    seen = _upload(owner, "/people/import", "import_read", "list", content.encode("cp1252"))
    assert seen.says("Mia Groß")
    assert seen.says("There is an account of this address already.")
    assert seen.says("1 row is not right.")
    refused = owner.do("/people/import", "import_make", rows=["1", "2"])
    assert refused.says("Something is wrong with a chosen row")
    assert not owner.get("/people").says("mia@office.test")
    assert owner.do("/people/import", "import_make", rows=["1", "3"]).says("Done.")
    assert _made(owner)["made"] == 2
    assert owner.get("/people").says("nic@office.test")
    sheets = owner.get_bytes("/people/import/start-sheets")
    assert sheets.startswith(b"%PDF-")
    assert len(re.findall(rb"/Type /Page\b", sheets)) == 2
    assert owner.do("/people/import", "import_forget").says("Done.")
    assert owner.get("/people/import/start-sheets").status == 409


def test_the_first_password_on_a_sheet_opens_the_account(office, owner):
    owner.do("/people/import", "import_read", list="zoe@office.test;Zoe")
    owner.do("/people/import", "import_make", rows="1")
    _made(owner)
    database = AccountsDatabase(office.state)
    password = imports.first_password(database, "zoe@office.test")
    database.close()
    assert re.fullmatch(r"[a-z2-9]{4}(-[a-z2-9]{4}){2}", password)
    zoe = Reader(office)
    assert zoe.log_in("zoe@office.test", password).status == 200
    assert password in _printed(owner)
    new = {"now": password, "password": "what zoe thought of"}
    assert zoe.api("PUT", "/me/password", new).status == 204
    printed = _printed(owner)
    assert "zoe@office.test" in printed
    assert password not in printed, "it opens nothing any more"
    owner.do("/people/import", "import_forget")


def _printed(reader):
    done = subprocess.run(
        ["pdftotext", "-layout", "-", "-"], check=True, capture_output=True, timeout=30,
        input=reader.get_bytes("/people/import/start-sheets"),
    )  # fmt: skip
    return done.stdout.decode()


def test_a_list_is_put_away_by_itself_after_two_weeks(tmp_path):
    with closing(AccountsDatabase(tmp_path)) as database:
        people.prepare(database)
        Registry(database, 0.0).add_domain("office.test")
        imports.keep(database, [Row(1, "zoe@office.test", "Zoe", "", "")], "olga")
        imports.choose(database, [each.row for each in imports.all_rows(database)], {1})
        assert imports.end(database, 0.0) == 0.0
        assert imports.make(database, imports.all_rows(database)[0].row, 5.0) == imports.MADE
        people.note(database, "import", imports.MADE)
        assert imports.opens(database, imports.all_rows(database)[0])
        until = imports.end(database, 100.0)
        assert until == 100.0 + imports.KEPT_SECONDS
        assert imports.end(database, until - 1.0) == until
        Registry(database, 6.0).set_password("zoe@office.test", "what zoe thought of")
        assert not imports.opens(database, imports.all_rows(database)[0])
        assert imports.end(database, until) == 0.0
        assert imports.all_rows(database) == []
        assert "zoe@office.test" in database.directory().accounts


def test_who_read_a_catch_all_is_told_whose_mail_does_not_reach_them_any_more(office, owner):
    reader = office.person("reader")
    owner.do("/people", "alias_add", alias="@office.test", targets=reader.address)
    owner.do("/people/import", "import_read", list="yan@office.test;Yan\nyves@office.test;Yves")
    owner.do("/people/import", "import_make", rows=["1", "2"])
    _made(owner)
    owner.do("/people", "alias_remove", alias="@office.test")
    owner.do("/people/import", "import_forget")
    wait_until(lambda: stored_messages(office, reader), "the reader is told")
    (told,) = stored_messages(office, reader)
    said = b"makes accounts whose mail you got until now: yan@office.test, yves@office.test"
    assert said in b" ".join(quopri.decodestring(told).split())


def test_a_restart_in_the_middle_goes_on(safe):
    reader = Reader(safe.box)
    reader.log_in()
    people = "\n".join(f"p{number}@office.test;P" for number in range(60))
    reader.do("/people/import", "import_read", list=people)
    reader.do("/people/import", "import_make", rows=[str(number) for number in range(1, 61)])
    assert reader.api("GET", "/import").json["state"] == "making"
    safe.box.kill()
    safe.start_again()
    told = _made(reader)
    assert (told["made"], told["chosen"]) == (60, 60)
    assert reader.get("/people").says("p59@office.test")
    reader.do("/people/import", "import_forget")


def test_only_who_may_make_accounts_sees_a_list(user):
    assert user.get("/people/import").status == 403
    assert user.api("GET", "/import").status == 403
