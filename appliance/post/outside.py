"""What deals with the world outside: names, other servers, verdicts."""

from __future__ import annotations

from dataclasses import dataclass

from appliance.accounts.database import AccountsDatabase
from appliance.clock import Clock
from appliance.filters.blocklists import BlockLists
from appliance.filters.greylist import Greylist
from appliance.filters.judge import Judge
from appliance.filters.keys import Keys
from appliance.filters.signing import Signer
from appliance.hardware import vitals
from appliance.net.resolver import Resolver
from appliance.post.publishing import Publishing
from appliance.relay.attempt import Relay
from appliance.relay.memory import Memory
from appliance.relay.options import Options as WaysOut
from appliance.relay.registry import Registry as Ways
from appliance.settings import Settings

_NOWHERE = ("0.0.0.0", "::")  # noqa: S104 - addresses that lead back to us


@dataclass(frozen=True, slots=True)
class Outside:
    """The parts."""

    resolver: Resolver
    ways: Ways
    relay: Relay
    judge: Judge | None  # None: mail from strangers is taken as it is
    keys: Keys
    signer: Signer
    srs_secret: bytes
    publishing: Publishing

    async def close(self) -> None:
        """Let connections and helping processes go."""
        await self.relay.close()
        if self.judge is not None:
            self.judge.close()
        self.signer.close()


def build(
    tree: Settings, database: AccountsDatabase, clock: Clock, host: str, *, simulate: bool
) -> Outside:
    """Build them; nothing runs yet. Blocks."""
    resolver, ways, keys = Resolver(tree.dns.servers), Ways(database), Keys(database)
    out = ways.options(options(tree, host, simulate=simulate))
    signer = Signer(keys.current())
    return Outside(
        resolver=resolver,
        ways=ways,
        relay=Relay(out, resolver, Memory(database), clock),
        judge=_judge(tree, database, resolver, clock),
        keys=keys,
        signer=signer,
        srs_secret=database.secret("srs"),
        publishing=Publishing(keys, signer, resolver, clock),
    )


def _judge(
    tree: Settings, database: AccountsDatabase, resolver: Resolver, clock: Clock
) -> Judge | None:
    chosen = tree.filters
    if chosen.dmarc == "off":
        return None
    lists, greylist = hurdles(tree, database, resolver, clock)
    enforces = chosen.dmarc == "enforce"
    return Judge(resolver, clock, enforce=enforces, lists=lists, greylist=greylist)


def hurdles(
    tree: Settings, database: AccountsDatabase, resolver: Resolver, clock: Clock
) -> tuple[BlockLists, Greylist | None]:
    """What stands in a stranger's way before anything is judged. Blocks."""
    zones = [each.strip() for each in tree.filters.block_lists.split(",") if each.strip()]
    greylist = Greylist(database) if tree.filters.greylist else None
    return BlockLists(resolver, zones, clock), greylist


def options(tree: Settings, host: str, *, simulate: bool) -> WaysOut:
    """How mail leaves, without what the owner set about relays and routes."""
    here = () if simulate else (*vitals.addresses(), "127.0.0.1", "::1")
    return WaysOut(
        host,
        port=tree.relay.port,
        patience_seconds=float(tree.relay.patience_seconds),
        dane=tree.relay.dane,
        mta_sts=tree.relay.mta_sts,
        ipv6=tree.relay.ipv6,
        ca_file=tree.relay.ca_file,
        local_servers=simulate or tree.relay.local_servers,
        own_addresses=frozenset((*here, *_NOWHERE)),
    )
