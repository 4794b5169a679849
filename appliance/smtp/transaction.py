"""One mail transaction: what MAIL and RCPT have said so far (RFC 5321 §3.3), without a socket."""

from __future__ import annotations

from dataclasses import dataclass, field

from appliance.accounts.directory import Directory
from appliance.accounts.directory import Recipient as Destination
from appliance.accounts.login import Login
from appliance.errors import OverQuota
from appliance.filters import srs
from appliance.queue.envelope import Envelope, Recipient
from appliance.smtp import parameters, paths
from appliance.smtp.context import SmtpContext
from appliance.smtp.parameters import MailParameters
from appliance.smtp.paths import Path
from appliance.smtp.replies import Reply
from appliance.smtp.rules import Rules
from appliance.threads import Steps

_MOST_STRANGERS = 20  # unknown recipients in one transaction before the peer is sent away


@dataclass(slots=True)
class Transaction:
    """MAIL has been accepted."""

    sender: Path
    parameters: MailParameters
    recipients: dict[str, Recipient] = field(default_factory=dict)
    named: int = 0  # RCPT commands accepted
    unknown: int = 0  # RCPT commands refused

    def envelope(self, *, peer: str, login: Login | None, now: float) -> Envelope:
        """The envelope of the message that has come."""
        return Envelope(
            sender=str(self.sender),
            recipients=tuple(self.recipients.values()),
            received_at=now,
            ret=self.parameters.ret,
            envid=self.parameters.envid,
            body=self.parameters.body,
            smtputf8=self.parameters.smtputf8,
            require_tls=self.parameters.require_tls,
            peer=peer,
            account=login.address if login is not None else "",
        )


def begin(argument: str, rules: Rules, login: Login | None, context: SmtpContext) -> Transaction:
    """MAIL FROM:<...> parameters (RFC 5321 §4.1.1.2). Raises Reply."""
    text, rest = paths.split(_behind_keyword(argument, "FROM:"))
    sender = paths.reverse_path(text)
    given = parameters.mail_parameters(rest)
    if not sender.is_ascii and not given.smtputf8:
        raise Reply(553, "5.6.7", "An address that is not ASCII needs the parameter SMTPUTF8.")
    most = context.settings.largest_message_mib
    if given.size > most * 1024 * 1024:
        sentence = f"The message is larger than the {most} MiB that are taken here."
        raise Reply(552, "5.3.4", sentence)
    rules.sender(sender, login)
    return Transaction(sender, given)


def add_recipient(
    transaction: Transaction, argument: str, rules: Rules, context: SmtpContext
) -> Steps[None]:
    """RCPT TO:<...> parameters (RFC 5321 §4.1.1.3). Raises Reply."""
    text, rest = paths.split(_behind_keyword(argument, "TO:"))
    path = paths.forward_path(text)
    given = parameters.rcpt_parameters(rest)
    if not path.is_ascii and not transaction.parameters.smtputf8:
        raise Reply(553, "5.6.7", "An address that is not ASCII needs the parameter SMTPUTF8.")
    if transaction.named >= context.settings.most_recipients:
        raise Reply(452, "4.5.3", "That is enough recipients for one message; send it again.")
    destinations = _returned(transaction, path, rules, context) or _destinations(
        transaction, path, rules, context.gate.directory
    )
    for destination in destinations:
        yield from _refuse_if_full(destination, transaction, context)
    transaction.named += 1
    for each in destinations:
        transaction.recipients.setdefault(
            each.address,
            Recipient(
                each.address,
                each.is_local,
                str(path),
                given.orcpt,
                given.notify,
                each.detail,
                each.passed_on_by,
            ),
        )


def _returned(
    transaction: Transaction, path: Path, rules: Rules, context: SmtpContext
) -> tuple[Destination, ...]:
    """A report about mail that we passed on goes back to whom its rewritten sender stands for."""
    is_report = not str(transaction.sender) and not rules.needs_login
    if not is_report or not context.srs_secret or not srs.is_ours(str(path)):
        return ()
    if not context.gate.directory.is_our_domain(str(path).rpartition("@")[2].lower()):
        return ()
    original = srs.back(context.srs_secret, str(path), context.clock.wall())
    if not original:
        raise Reply(550, "5.1.1", "This address was not made here, or is too old.")
    return (Destination(original, is_local=False),)


def _destinations(
    transaction: Transaction, path: Path, rules: Rules, people: Directory
) -> tuple[Destination, ...]:
    try:
        return rules.recipient(path, people)
    except Reply:
        transaction.unknown += 1
        if transaction.unknown > _MOST_STRANGERS:
            raise Reply(421, "4.7.0", "Too many recipients that do not exist here.") from None
        raise


def _refuse_if_full(
    destination: Destination, transaction: Transaction, context: SmtpContext
) -> Steps[None]:
    """A mailbox that is full says so before the message is sent."""
    account = context.gate.directory.accounts.get(destination.address)
    if not destination.is_local or account is None or not account.quota_octets:
        return
    home = context.store.home(destination.address)
    usage = home.cached_usage()
    if usage is None:
        usage = yield from home.usage()
    if usage.octets + max(transaction.parameters.size, 1) > account.quota_octets:
        raise OverQuota("The mailbox is full; the message can be sent again later.")


def _behind_keyword(argument: str, keyword: str) -> str:
    """What stands behind FROM: or TO:; one space there is a common mistake and let pass."""
    if argument[: len(keyword)].upper() != keyword:
        raise Reply(501, "5.5.4", f"{keyword}<address> is needed.")
    return argument[len(keyword) :].lstrip(" ")
