"""The process: one daemon on a state folder, its settings, its loop; a held button comes first.

Part of the roof.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path

from appliance import __version__, files, front, lastgood, recovery
from appliance.backup.newbox import Place
from appliance.ballast import ballast_of
from appliance.clock import SystemClock
from appliance.daemon import Daemon
from appliance.drives.mailplace import MailPlace
from appliance.errors import Refused
from appliance.front import Front
from appliance.hardware.simulated import SimulatedBoard
from appliance.lastgood import Loaded
from appliance.log import KEPT, RING
from appliance.net import systemd
from appliance.parts import NOTHING_KEPT, Options, build
from appliance.recovery import Recovery
from appliance.updates import restorepoint
from appliance.upkeep import resetting
from appliance.upkeep.adapting import go_by_zone

log = logging.getLogger("pillarbox")

RECOVER, HOLD = "--recover", "--hold-button"
_BEGINNING_SECONDS = 300.0

_TURN_SECONDS = 0.0005
"""How long a thread that computes may keep the loop waiting (Python's own choice is 5 ms)."""


def serve(options: Options) -> None:
    """Run the appliance in the foreground until SIGTERM; blocks.

    Raises:
        PillarboxError: it cannot start; one plain sentence.
    """
    only_one = _begin(options.state)
    _perhaps_reset(options)
    restorepoint.bring_back(options.state, __version__)
    loaded = lastgood.load(options.state)
    tree = loaded.tree
    root = logging.getLogger()
    root.setLevel(tree.server.log_level.upper())
    RING.recall(options.state / KEPT)
    root.addHandler(RING)
    if loaded.complaint:
        log.warning("%s %s", loaded.complaint, loaded.instead)
    _allow_many_files()
    sys.setswitchinterval(_TURN_SECONDS)
    face = front.build(options.state, tree.hardware, simulate=options.simulate)

    async def main() -> None:
        if options.hold_button and isinstance(face.board, SimulatedBoard):
            face.board.push(SystemClock().monotonic(), is_down=True)
        was_held = await recovery.is_asked_for(face.board)
        wanted = was_held or options.recover
        found = await _recovered(options, loaded, face) if wanted else loaded
        go_by_zone(found.tree)
        # a press that brought everything back is not one for a forgotten password as well
        regains = was_held and found is loaded
        daemon = Daemon(build(options, found.tree, face), found, was_held=regains)
        await daemon.run()
        _perhaps_begin_again(daemon)

    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(main())
        logging.shutdown()
        os.close(only_one)
        os._exit(0)  # a thread that hangs on a dead disk must not keep the process


def _perhaps_begin_again(daemon: Daemon) -> None:
    """As a new process, in which nothing of the box is open; the service manager sees the same."""
    if not daemon.gives_way and not daemon.begins_anew:
        return
    logging.shutdown()
    systemd.be_patient(_BEGINNING_SECONDS)
    again = [each for each in sys.orig_argv if each not in (RECOVER, HOLD)]
    again += [RECOVER] if daemon.gives_way else []
    os.execv(sys.executable, again)  # noqa: S606 - our own command line, no shell


def _perhaps_reset(options: Options) -> None:
    """A reset that was asked for, or that the power cut off, comes before everything else."""
    wanted = resetting.asked(options.state)
    if wanted is None:
        return
    tree = lastgood.load(options.state).tree
    face = front.build(options.state, tree.hardware, simulate=options.simulate)
    try:
        resetting.perform(options.state, wanted, face.drives)
    finally:
        face.close()


async def _recovered(options: Options, loaded: Loaded, face: Front) -> Loaded:
    """The button is held: where nothing is yet, everything comes back; the settings then."""
    if (options.state / NOTHING_KEPT).exists():
        log.warning("the button was held at the start; this card keeps nothing, so it is no use")
        return loaded
    if not await asyncio.to_thread(recovery.is_new, options.state):
        log.warning(
            "the button was held at the start; this box has accounts, so nothing is restored"
        )
        return loaded
    mail = MailPlace(options.state, loaded.tree)
    await asyncio.to_thread(mail.bring, face.drives)
    place = Place(options.state, mail.mail)
    await Recovery(face, place, SystemClock(), options).run()
    return await asyncio.to_thread(lastgood.load, options.state)


def _begin(state: Path) -> int:
    """Have room to start, and be the only daemon on this state until the process ends.

    Raises:
        Refused: there is another.
    """
    files.make_directories(state)
    ballast_of(state).balance()
    lock = files.open_append(state / "lock")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Refused(f"Another Pillarbox runs with {state} already.") from None
    return lock


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop where it is to be had; PILLARBOX_LOOP=asyncio asks for the plain one."""
    if os.environ.get("PILLARBOX_LOOP") == "asyncio":
        return None
    try:
        import uvloop  # noqa: PLC0415 - may be missing, and must then cost nothing
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


def _allow_many_files() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = most if most != resource.RLIM_INFINITY else 65_536
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, 65_536), most))
