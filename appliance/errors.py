"""Whose fault it is: the classes of everything that can go wrong on purpose.

Each protocol maps these to its own replies in exactly one function. Anything that is none of
them is a bug of ours: it is logged with its traceback and ends that one connection only.
The text of an error is for people: what happened and, where they can do something, what.
"""


class PillarboxError(Exception):
    """Base of all expected errors; `str()` is one plain sentence."""


class Refused(PillarboxError):
    """The user asked for something that cannot be; they can mend it (a wrong name, say)."""


class NotFound(Refused):
    """What was named does not exist."""


class AlreadyExists(Refused):
    """What was to be made is there already."""


class OverQuota(Refused):
    """The account's allowance is used up."""


class AuthenticationFailed(Refused):
    """Wrong name or password; never says which."""


class PeerError(PillarboxError):
    """The other side broke the protocol."""


class Temporary(PillarboxError):
    """It may work later without anybody doing anything."""


class StorageOffline(Temporary):
    """The mail disk is missing, read-only or failing."""


class StorageReadOnly(StorageOffline):
    """The mail disk can be read but not written."""


class StorageLocked(StorageOffline):
    """The disk is there and encrypted, and no key of it is."""

    def __init__(self, way: str) -> None:
        """`way`: how it is opened, card, stick or typed."""
        super().__init__(
            {
                "card": "The disk is locked, and its key is not on this card.",
                "stick": "The disk is locked: plug in the key stick.",
            }.get(way, "The disk is locked until somebody types its words.")
        )
        self.way = way


class StorageFull(Temporary):
    """The mail disk has no room; mail can still be read and deleted."""


class BadSettings(PillarboxError):
    """The settings file cannot be used; the sentence names line and field."""
