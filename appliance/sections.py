"""The sections of the settings: each field with its default, limits and sentence of help."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

MIB = 1024 * 1024
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_ANY_TEXT = re.compile(r"[^\x00-\x1f]*\Z")
_HTTPS = re.compile(r"(https://[!-~]+)?\Z")
_ADDRESS = re.compile(r"([^\s@<>]+@[A-Za-z0-9.-]+)?\Z")
_COUNTRY = re.compile(r"([A-Z]{2})?\Z")
_ZONE = re.compile(r"[A-Za-z0-9+_/-]*\Z")
_HOST = re.compile(r"(?:[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.|\Z))*\Z")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a value may be, and the sentence for people."""

    help: str
    low: float | None = None
    high: float | None = None
    pattern: re.Pattern[str] | None = None
    choices: tuple[str, ...] = ()


def number(default: int, help_text: str, low: int, high: int) -> Any:
    """A whole-number field between two limits."""
    return field(default=default, metadata={"limits": Limits(help_text, low, high)})


def switch(*, default: bool, help_text: str) -> Any:
    """A field that is true or false."""
    return field(default=default, metadata={"limits": Limits(help_text)})


def text(
    default: str,
    help_text: str,
    *,
    pattern: re.Pattern[str] = _ANY_TEXT,
    choices: tuple[str, ...] = (),
) -> Any:
    """A text field."""
    limits = Limits(help_text, pattern=pattern, choices=choices)
    return field(default=default, metadata={"limits": limits})


@dataclass(frozen=True, slots=True)
class Office:
    """Where the office is. Page, letters, reports and what is done by the hour go by its time."""

    country: str = text("", "Its country, as two letters.", pattern=_COUNTRY)
    time_zone: str = text(
        "", "Its time zone, such as Europe/Berlin; empty: that of the machine.", pattern=_ZONE
    )


@dataclass(frozen=True, slots=True)
class Server:
    """The box itself."""

    office: str = text("", "What people call the office; mail programs show it; empty: a domain.")
    language: str = text(
        "",
        "The language of letters that the box writes; empty: as it was chosen on the page.",
        choices=("", "ar", "de", "en"),
    )
    host_name: str = text(
        "", "The name the box gives itself to other servers; empty: the machine's.", pattern=_HOST
    )
    proxies: str = text(
        "",
        "Addresses or networks of proxies (HAProxy, a cloud's load balancer), with commas between; "
        "each of their connections must begin with a PROXY header of version 2.",
    )
    world: str = text(
        "servers",
        "Who may come in from outside of the office, where the router lets them through: nobody; "
        "servers: other mail servers, on port 25; everybody: mail programs too, with TLS.",
        choices=("nobody", "servers", "everybody"),
    )
    log_level: str = text(
        "info", "How much is written to the log.", choices=("debug", "info", "warning", "error")
    )


@dataclass(frozen=True, slots=True)
class Storage:
    """Where mail is kept."""

    mail: str = text(
        "", "The folder of the mail disk; empty: the folder mail beside settings.toml."
    )
    reserve_mib: int = number(
        64, "Free space in MiB below which no new mail is taken.", 0, 1_000_000
    )


@dataclass(frozen=True, slots=True)
class Smtp:
    """Receiving and submitting mail."""

    largest_message_mib: int = number(35, "The largest message that is taken, in MiB.", 1, 500)
    most_recipients: int = number(500, "Recipients of one message.", 100, 10_000)
    connections: int = number(200, "Connections at once, from everybody together.", 5, 10_000)
    connections_per_address: int = number(100, "Connections at once from one address.", 1, 10_000)
    connections_per_minute: int = number(
        3000, "New connections a minute from one address.", 10, 1_000_000
    )
    patience_seconds: int = number(300, "How long a silent peer is waited for.", 10, 3600)
    transfer_minutes: int = number(60, "How long one message may take to arrive.", 1, 1440)
    greeting_delay_ms: int = number(
        200, "Strangers who talk before this many milliseconds have passed are refused.", 0, 30_000
    )


@dataclass(frozen=True, slots=True)
class Imap:
    """Mail programs that read by IMAP."""

    connections: int = number(1000, "Connections at once, from everybody together.", 5, 10_000)
    connections_per_address: int = number(200, "Connections at once from one address.", 1, 10_000)
    connections_per_account: int = number(50, "Connections at once of one account.", 5, 1000)
    connections_per_minute: int = number(
        3000, "New connections a minute from one address.", 10, 1_000_000
    )
    autologout_minutes: int = number(30, "A silent mail program is logged out.", 30, 1440)


@dataclass(frozen=True, slots=True)
class Pop3:
    """Mail programs that read by POP3."""

    connections: int = number(200, "Connections at once, from everybody together.", 5, 10_000)
    connections_per_address: int = number(100, "Connections at once from one address.", 1, 10_000)
    connections_per_minute: int = number(
        3000, "New connections a minute from one address.", 10, 1_000_000
    )
    autologout_minutes: int = number(10, "A silent mail program is logged out.", 10, 1440)


@dataclass(frozen=True, slots=True)
class Dns:
    """Asking for names."""

    servers: str = text(
        "",
        "Name servers as addresses with commas between, a port behind @; empty: the machine's. "
        "Only a validating one on this machine (127.0.0.1) can prove other servers by DANE.",
    )


@dataclass(frozen=True, slots=True)
class Relay:
    """Sending mail to other servers."""

    port: int = number(25, "The port of other servers; another one only for trying out.", 1, 65_535)
    patience_seconds: int = number(300, "How long a silent server is waited for.", 5, 3600)
    dane: bool = switch(
        default=True, help_text="Servers must prove themselves where their domain asks by DANE."
    )
    mta_sts: bool = switch(
        default=True, help_text="Servers must prove themselves where their domain asks by MTA-STS."
    )
    ipv6: bool = switch(default=True, help_text="Other servers are tried by IPv6 too.")
    local_servers: bool = switch(
        default=False,
        help_text="The DNS may lead mail to servers of the office network; else only a relay that "
        "was set up may stand there.",
    )
    ca_file: str = text("", "A file with further authorities to trust, as PEM.")


@dataclass(frozen=True, slots=True)
class Fetch:
    """Mail that is collected from mailboxes at providers."""

    ca_file: str = text("", "A file with further authorities to trust, as PEM.")


@dataclass(frozen=True, slots=True)
class Migration:
    """Mail of accounts at other servers that moves in."""

    connections: int = number(2, "Accounts that are copied at the same time.", 1, 20)
    kib_per_second: int = number(
        4096, "So fast at most, all together, in KiB a second; 0: as fast as it goes.", 0, 1_000_000
    )
    largest_message_mib: int = number(100, "Larger messages are left out, and named.", 1, 1024)
    minutes: int = number(5, "Between two looks for new mail there, once all is copied.", 1, 1440)
    days: int = number(30, "So long new mail is brought, once all is copied.", 1, 90)


@dataclass(frozen=True, slots=True)
class Filters:
    """What is thought of mail from strangers."""

    dmarc: str = text(
        "enforce",
        "What follows when mail is not proven to be from whom it says: enforce does what that "
        "domain asks (refuse, or put it into Junk), mark only writes it down, off does not look.",
        choices=("enforce", "mark", "off"),
    )
    block_lists: str = text(
        "",
        "DNS block lists, with commas between them, that refuse mail from the hosts they name; a "
        "list that does not answer truthfully is not believed. Some want to be paid by offices.",
    )
    greylist: bool = switch(
        default=True,
        help_text="A host that nothing speaks for (no SPF, DKIM or DMARC result is good) has to "
        "come again after five minutes when it brings mail for the first time.",
    )
    local_peers: bool = switch(
        default=False,
        help_text="Mail from addresses of the office network is judged too; for a box behind a "
        "gateway that hides who sends.",
    )


@dataclass(frozen=True, slots=True)
class Sending:
    """What each account may send to the outside; who goes over it is stopped."""

    recipients_per_hour: int = number(500, "Most recipients within an hour.", 1, 1_000_000)
    recipients_per_day: int = number(2000, "Most recipients within a day.", 1, 1_000_000)
    passed_on_per_hour: int = number(
        300,
        "Most messages that the mail of one account is passed on as within an hour; what goes "
        "beyond it stays in the mailbox.",
        1,
        1_000_000,
    )


@dataclass(frozen=True, slots=True)
class Retention:
    """Old mail that is removed by itself."""

    trash_days: int = number(
        0,
        "Mail is removed for good when it has been in Trash for more than this many days; "
        "mailboxes below Trash are left alone; 0: never.",
        0,
        3650,
    )
    junk_days: int = number(
        0,
        "Mail is removed for good when it has been in Junk for more than this many days; "
        "mailboxes below Junk are left alone; 0: never.",
        0,
        3650,
    )


@dataclass(frozen=True, slots=True)
class Reports:
    """Reports between mail servers (TLS-RPT, DMARC)."""

    send: bool = switch(
        default=True, help_text="Tell other domains once a day how their mail fared here."
    )


@dataclass(frozen=True, slots=True)
class Trace:
    """The story of each message (pillarbox trace)."""

    days: int = number(30, "How many days it is kept.", 1, 366)
    most_events: int = number(
        300_000, "How many entries are kept at most; the oldest go first.", 1_000, 10_000_000
    )
    subjects: bool = switch(default=False, help_text="Keep the subject of each message too.")


@dataclass(frozen=True, slots=True)
class Hardware:
    """Lamps and button. Pins are numbered as the chip does it (BCM); 0: there is none."""

    pins: bool = switch(
        default=True, help_text="Lamps and a button are connected to pins of the board."
    )
    button_pin: int = number(3, "The button, which connects its pin with ground.", 0, 27)
    status_red_pin: int = number(17, "The lamp STATUS, red.", 0, 27)
    status_green_pin: int = number(27, "The lamp STATUS, green.", 0, 27)
    backup_red_pin: int = number(23, "The lamp BACKUP, red.", 0, 27)
    backup_green_pin: int = number(22, "The lamp BACKUP, green.", 0, 27)
    own_lamp: bool = switch(
        default=True, help_text="The board's own green lamp shows what STATUS shows."
    )


@dataclass(frozen=True, slots=True)
class Backup:
    """Backups that the box makes by itself."""

    daily: bool = switch(
        default=True, help_text="A backup is made every night when a backup drive is plugged in."
    )
    hour: int = number(2, "The hour of the night in which it begins.", 0, 23)
    mail: str = text(
        "news",
        "Which backups the owner, or who gets the alerts, is told of by mail: news (somebody asked "
        "for it, it failed, or it works again), all, never.",
        choices=("news", "all", "never"),
    )
    remind_days: int = number(
        7, "How many days old the newest proven backup may get before the box says so.", 1, 365
    )
    rotation_days: int = number(
        30, "How many days a further backup drive may go unused before the box says so.", 1, 1000
    )


@dataclass(frozen=True, slots=True)
class Alerts:
    """Who is told when something is wrong, and the weekly report."""

    mail_to: str = text(
        "",
        "An address outside of this box that gets a message, so that it is read when this box "
        "cannot be; empty: no message.",
        pattern=_ADDRESS,
    )
    webhook: str = text("", "An https address that gets each alert as JSON.", pattern=_HTTPS)
    ntfy: str = text(
        "", "The https address of a topic at ntfy.sh or a server like it.", pattern=_HTTPS
    )
    ca_file: str = text("", "A file with further authorities to trust, as PEM.")
    fault_seconds: int = number(120, "How long a fault must last before it is told.", 0, 86_400)
    attention_minutes: int = number(
        60, "How long something that needs attention must last before it is told.", 0, 10_080
    )
    weekly_report: bool = switch(
        default=True, help_text="The owner, or who gets the alerts, gets a report every week."
    )
    report_day: str = text("monday", "The day of the report.", choices=DAYS)
    report_hour: int = number(7, "The hour of the report, local time.", 0, 23)
