"""The table of what stands in the menu, and for whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from appliance.web.language import N_
from appliance.web.roles import Role, Visitor


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the menu."""

    path: str
    title: str
    icon: str
    role: Role = Role.HELPER
    simulated_only: bool = False
    account_only: bool = False

    def is_for(self, visitor: Visitor, *, simulate: bool) -> bool:
        """Whether this visitor sees it."""
        return (
            visitor.role >= self.role
            and (simulate or not self.simulated_only)
            and (bool(visitor.account) or not self.account_only)
        )


def current(items: Sequence[Item], path: str) -> Item | None:
    """The line that a page belongs to: the longest that its address begins with."""
    fits = [each for each in items if path == each.path or path.startswith(f"{each.path}/")]
    return max(fits, key=lambda each: len(each.path), default=None)


MENU = (
    Item("/", N_("Home"), "home", Role.USER),
    Item("/people", N_("People"), "people"),
    Item("/flow", N_("Mail flow"), "arrows"),
    Item("/moving-in", N_("Moving in"), "inward", Role.OWNER),
    Item("/trace", N_("Where is my mail?"), "search"),
    Item("/queue", N_("Waiting mail"), "clock"),
    Item("/backups", N_("Backups"), "shield"),
    Item("/disks", N_("Disks"), "disk"),
    Item("/network", N_("Network"), "globe"),
    Item("/updates", N_("Updates"), "renew"),
    Item("/health", N_("Health"), "pulse"),
    Item("/settings", N_("Settings"), "gear", Role.OWNER),
    Item("/log", N_("Log"), "page", Role.OWNER),
    Item("/changes", N_("Changes"), "list", Role.OWNER),
    Item("/me/restore", N_("My deleted mail"), "undo", Role.USER, account_only=True),
    Item("/me", N_("My access"), "key", Role.USER),
    Item("/simulator", N_("Simulator"), "chip", Role.OWNER, simulated_only=True),
)
