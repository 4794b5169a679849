"""The command line. Every command exits 0, or prints one plain sentence to stderr and exits 1
(2 when the command itself was not understood)."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from appliance import __version__, lastgood
from appliance.cli import (
    backup,
    box,
    device,
    disk,
    dns,
    drive,
    fetch,
    health,
    move_in,
    network,
    owner,
    people,
    queue,
    relay,
    settings,
    support,
    trace,
    update,
)
from appliance.clock import use_zone
from appliance.errors import PillarboxError

Handler = Callable[[argparse.Namespace], None]


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence instead of printing the usage of everything."""

    def error(self, message: str) -> NoReturn:
        """Complain and exit with 2."""
        sentence = message[:1].upper() + message[1:]
        print(f"{sentence.rstrip('.')}. See: {self.prog} --help", file=sys.stderr)
        raise SystemExit(2)


def parser() -> argparse.ArgumentParser:
    """The whole grammar of the command line."""
    whole = _Parser(prog="pillarbox", description="An office's own mail server.")
    whole.add_argument("--version", action="version", version=f"pillarbox {__version__}")
    whole.add_argument("--state", type=Path, help="the folder with settings and accounts")
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    rooms = (
        box, people, owner, backup, drive, disk, device, network, dns, fetch, move_in, relay, queue,
        trace, health, support, settings, update,
    )  # fmt: skip
    for room in rooms:
        room.add_commands(commands)
    return whole


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit."""
    given = parser().parse_args(arguments)
    if given.state is None:
        given.state = Path(os.environ.get("PILLARBOX_STATE", "/var/lib/pillarbox"))
    handler: Handler = given.handler
    try:
        _tell_the_time_of_the_office(given.state)
        handler(given)
        sys.stdout.flush()
    except BrokenPipeError:
        os._exit(0)  # whoever read our output has seen enough
    except (PillarboxError, ConnectionError) as error:
        _complain(str(error))
    except PermissionError as error:
        _complain(f"{error.filename}: this needs more rights than you have.")
    except OSError as error:
        _complain(f"{error.filename or 'The disk'}: {error.strerror}.")
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def _tell_the_time_of_the_office(state: Path) -> None:
    """By what the box goes by: a file that somebody broke is told of by who needs it."""
    with contextlib.suppress(PillarboxError, OSError):
        use_zone(lastgood.load(state).tree.office.time_zone)


def _complain(sentence: str) -> NoReturn:
    print(" ".join(sentence.split()), file=sys.stderr)
    raise SystemExit(1)
