"""fetch: mailboxes at providers. Changes take effect at once in a running appliance."""

from __future__ import annotations

import argparse
import contextlib
import ssl
from pathlib import Path
from typing import Any

from appliance import control, lastgood
from appliance.cli.asking import open_database
from appliance.cli.output import add_json_option, moment, parse_size, print_json, print_table
from appliance.cli.people import read_password
from appliance.errors import Refused
from appliance.fetch import oauth
from appliance.fetch.registry import Registry
from appliance.fetch.source import ENVELOPE_FIELDS, KEEP, MIB, Consent, Kind, Security, Source

_PORTS = {
    (Kind.IMAP, Security.TLS): 993,
    (Kind.IMAP, Security.STARTTLS): 143,
    (Kind.POP3, Security.TLS): 995,
    (Kind.POP3, Security.STARTTLS): 110,
}


def add_commands(commands: Any) -> None:
    """Add fetch to the command line."""
    parser = commands.add_parser("fetch", help="collect mail from mailboxes at providers")
    acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
    show = acts.add_parser("list", help="all mailboxes that are collected, and how they do")
    add_json_option(show)
    show.set_defaults(handler=_list)
    _add_add(acts.add_parser("add", help="collect from another mailbox"))
    for name, act, words in (
        ("remove", _remove, "collect from there no more; mail here and there stays"),
        ("now", _now, "look for new mail at once"),
        ("authorize", _authorize, "give consent in a browser (OAuth)"),
    ):
        one = acts.add_parser(name, help=words)
        one.add_argument("name")
        one.set_defaults(handler=act)


def _add_add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", help="what it is called here")
    parser.add_argument("host", help="the provider's server")
    parser.add_argument("user", help="the user name there")
    parser.add_argument("--kind", type=Kind, choices=list(Kind), default=Kind.IMAP)
    parser.add_argument("--security", type=Security, choices=list(Security), default=Security.TLS)
    parser.add_argument("--port", type=int, default=0, help="default: the usual one")
    parser.add_argument("--to", required=True, help="an address here, or @domain: split to people")
    parser.add_argument("--folder", default="INBOX")
    parser.add_argument(
        "--fields", default=",".join(ENVELOPE_FIELDS),
        help="for @domain: the header fields that name the recipient, in the order that counts",
    )  # fmt: skip
    parser.add_argument(
        "--keep-days", type=int, default=KEEP,
        help="delete there so many days after collecting; 0 at once, -1 never",
    )  # fmt: skip
    parser.add_argument("--largest", type=parse_size, default=50 * MIB, help="like 50M")
    parser.add_argument("--minutes", type=int, default=5, help="between two visits")
    parser.add_argument("--password-stdin", action="store_true",
                        help="the password is the first line of input")  # fmt: skip
    add_consent_options(parser)
    parser.set_defaults(handler=_add)


def add_consent_options(parser: argparse.ArgumentParser) -> None:
    """Let a command take a login by OAuth; `consent_of` reads it."""
    consent = parser.add_argument_group("login by OAuth instead of a password")
    consent.add_argument("--oauth", default="", help=f"{', '.join(oauth.KNOWN)}, or a token URL")
    consent.add_argument("--device-url", default="")
    consent.add_argument("--client-id", default="")
    consent.add_argument("--client-secret-file", type=Path, help="where the provider gave one")
    consent.add_argument("--scope", default="")


def _add(arguments: argparse.Namespace) -> None:
    consent = consent_of(arguments)
    if consent is None and not arguments.password_stdin:
        raise Refused("Give the password with --password-stdin, or use --oauth.")
    source = Source(
        arguments.name,
        arguments.kind,
        arguments.host.lower(),
        arguments.port or _PORTS[arguments.kind, arguments.security],
        arguments.user,
        arguments.to.lower(),
        secret=read_password() if arguments.password_stdin else "",
        security=arguments.security,
        folder=arguments.folder,
        fields=tuple(each.strip().lower() for each in arguments.fields.split(",")),
        keep_days=arguments.keep_days,
        largest_octets=arguments.largest,
        minutes=arguments.minutes,
        consent=consent,
    )
    with open_database(arguments.state) as database:
        directory = database.directory()
        domain = source.deliver_to.rpartition("@")[2]
        if not directory.is_here(source.deliver_to):
            raise Refused(f"{domain} is no domain of this box; see: domain add.")
        if not source.splits and not directory.resolve(source.deliver_to):
            raise Refused(f"Nobody here gets mail for {source.deliver_to}.")
        Registry(database).add(source)
    _tell(arguments)
    if consent is not None and not source.secret:
        print(f"Now give consent: pillarbox fetch authorize {source.name}")


def consent_of(arguments: argparse.Namespace) -> Consent | None:
    """The login by OAuth that was asked for. Raises Refused."""
    if not arguments.oauth:
        return None
    known = oauth.KNOWN.get(arguments.oauth, {})
    if not known and not arguments.oauth.startswith("https://"):
        raise Refused(f"{arguments.oauth} is neither a known provider nor an https address.")
    if not arguments.client_id:
        raise Refused("OAuth needs the --client-id that the provider gave for this use.")
    return Consent(
        known.get("token_url", arguments.oauth),
        arguments.client_id,
        arguments.device_url or known.get("device_url", ""),
        _client_secret(arguments.client_secret_file),
        scope=arguments.scope or known.get("scope", ""),
    )


def _client_secret(file: Path | None) -> str:
    if file is None:
        return ""
    try:
        return file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"The client secret cannot be read from {file}: {error}.") from None


def _authorize(arguments: argparse.Namespace) -> None:
    with open_database(arguments.state) as database:
        source = Registry(database).source(arguments.name)
    if source.consent is None or not source.consent.device_url:
        raise Refused(f"{source.name} logs in with a password.")
    context = ssl.create_default_context()
    trusted = lastgood.load(arguments.state).tree.fetch.ca_file
    if trusted:
        context.load_verify_locations(trusted)
    asking = oauth.begin(source.consent, context)
    print(f"Open {asking.page} in any browser and type {asking.user_code}.", flush=True)
    token = oauth.finish(source.consent, asking, context)
    with open_database(arguments.state) as database:
        Registry(database).set_secret(source.name, token)
    _tell(arguments)
    print("Consent is given.")


def _remove(arguments: argparse.Namespace) -> None:
    with open_database(arguments.state) as database:
        Registry(database).remove(arguments.name)
    _tell(arguments)


def _now(arguments: argparse.Namespace) -> None:
    control.ask(arguments.state, "fetch_now", name=arguments.name)


def _list(arguments: argparse.Namespace) -> None:
    with open_database(arguments.state) as database:
        sources = Registry(database).sources()
    standing: dict[str, dict[str, Any]] = {}
    with contextlib.suppress(ConnectionError):
        standing = control.ask(arguments.state, "fetch_status")
    if arguments.json:
        print_json([_values(each, standing.get(each.name, {})) for each in sources])
        return
    print_table([_row(each, standing.get(each.name, {})) for each in sources])


def _values(source: Source, standing: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": source.name,
        "kind": source.kind.value,
        "host": source.host,
        "port": source.port,
        "user": source.user,
        "to": source.deliver_to,
        "keep_days": source.keep_days,
        "by": "oauth" if source.consent else "password",
        **standing,
    }


def _row(source: Source, standing: dict[str, Any]) -> list[str]:
    last = standing.get("last_visit") or 0
    return [
        source.name,
        f"{source.kind.value} {source.user} at {source.host}",
        f"to {source.deliver_to}",
        f"visited {moment(last)}" if last else "not visited yet",
        standing.get("trouble", ""),
    ]


def _tell(arguments: argparse.Namespace) -> None:
    with contextlib.suppress(ConnectionError):
        control.ask(arguments.state, "fetch_changed")
