"""account sheet, profile and arrivals: how a person's mail programs are set up, and how it went."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from typing import Any

from appliance import control, files, lastgood
from appliance.accounts.directory import Account
from appliance.cli.asking import ask, office_voice, open_database
from appliance.cli.output import add_json_option, print_json
from appliance.devices import apple
from appliance.devices.service import Services
from appliance.devices.sheet import Person, in_language, start_sheet
from appliance.errors import NotFound, Refused
from appliance.net import certificates
from appliance.parts import TLS, offered_here


def add_setup_acts(acts: Any) -> None:
    """Add to the command `account`."""
    sheet = acts.add_parser("sheet", help="a page for somebody new, as PDF: sheet ADDRESS > FILE")
    sheet.add_argument("address")
    sheet.add_argument("--link", default="", help="a web address; printed as a code for phones")
    sheet.add_argument(
        "--password-stdin",
        action="store_true",
        help="print the first line of standard input as the first password",
    )
    sheet.set_defaults(handler=_sheet)
    profile = acts.add_parser("profile", help="for iPhone, iPad and Mac: profile ADDRESS > FILE")
    profile.add_argument("address")
    profile.set_defaults(handler=_profile)
    arrivals = acts.add_parser("arrivals", help="what programs of an account did lately")
    arrivals.add_argument("address")
    arrivals.add_argument("--minutes", type=float, default=60.0)
    add_json_option(arrivals)
    arrivals.set_defaults(handler=_arrivals)


def _sheet(arguments: argparse.Namespace) -> None:
    account, services = _who(arguments)
    password = sys.stdin.readline().rstrip("\r\n") if arguments.password_stdin else None
    person = Person(account.name, account.address, password)
    words = in_language(office_voice(arguments.state).say_on_paper)
    _write(start_sheet(words, services, person, link=arguments.link, now=time.time()))


def _profile(arguments: argparse.Namespace) -> None:
    account, services = _who(arguments)
    tls = arguments.state / TLS
    if not (tls / certificates.SERVER_FILE).is_file():
        raise Refused("The box has no certificate yet; start it first (pillarbox run).")
    ca = files.read(tls / certificates.CA_FILE) if certificates.is_of_own_ca(tls) else None
    say = office_voice(arguments.state).say
    made = apple.profile(
        services,
        account.address,
        account.name,
        ca_certificate=ca,
        say=say,
    )
    _write(apple.signed_with(made, files.read(tls / certificates.SERVER_FILE)))


def _arrivals(arguments: argparse.Namespace) -> None:
    seconds = arguments.minutes * 60.0
    story = ask(arguments.state, "account_arrivals", address=arguments.address, seconds=seconds)
    if arguments.json:
        print_json(story)
        return
    for sentence in (*story["good"], *story["others"], *story["bad"]):
        print(sentence)
    if not (story["good"] or story["others"] or story["bad"]):
        print("No program of this account was here in that time.")


def _who(arguments: argparse.Namespace) -> tuple[Account, Services]:
    """The account, and what its programs are told; as the running daemon says, if one runs."""
    with open_database(arguments.state) as database:
        people = database.directory()
    account = people.find(arguments.address)
    if account is None:
        raise NotFound(f"There is no account {arguments.address}.")
    with contextlib.suppress(ConnectionError):
        return account, Services(**control.ask(arguments.state, "services"))
    tree = lastgood.load(arguments.state).tree
    return account, offered_here(tree, people.domains)


def _write(octets: bytes) -> None:
    """A file is no text: not for a terminal. Raises Refused."""
    if sys.stdout.isatty():
        raise Refused('This is a file; say where it goes, with "> FILE" at the end.')
    sys.stdout.buffer.write(octets)
