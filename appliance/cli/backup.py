"""backup: taking, listing, verifying and restoring versions; targets; the recovery sheet.

With a running appliance a run, a verification and a restore are its work, and this waits for it;
without one they are done here.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from appliance import control
from appliance.backup import address, card, coverage, key, merge, newbox, view
from appliance.backup.bringing import fetched, resolved
from appliance.backup.engine import Engine
from appliance.backup.job import Job
from appliance.backup.merge import Restored, Wanted
from appliance.backup.newbox import Place
from appliance.backup.pace import Pace
from appliance.backup.process import Progress, Watch
from appliance.backup.source import find_version, foreign_source
from appliance.cli.asking import ask, mail_directory, open_database
from appliance.cli.backup_targets import absolute, add_key, add_targets, opened_job
from appliance.cli.drive import make_ready
from appliance.cli.output import add_json_option, moment, print_json, print_table
from appliance.clock import SystemClock
from appliance.copies.backupjob import open_job, target_of
from appliance.errors import NotFound, Refused, StorageOffline
from appliance.store.store import Store
from appliance.threads import run_here
from appliance.words import remaining

_PATIENCE = 0.5
_RESTART_SECONDS = 120.0  # that long a restart may take


def add_commands(commands: Any) -> None:
    """Add backup to the command line."""
    parser = commands.add_parser("backup", help="versions of everything on drives and elsewhere")
    acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
    now = acts.add_parser("now", help="take a version and prove it")
    now.add_argument("--to", default="", help="a target; default: the one whose proof is oldest")
    now.set_defaults(handler=_now)
    show = acts.add_parser("list", help="all versions of the targets that are there")
    show.add_argument("--from", dest="source", default="", help="only this target")
    add_json_option(show)
    show.set_defaults(handler=_list)
    verify = acts.add_parser("verify", help="read all of a target and walk through a version")
    verify.add_argument("version", nargs="?", default="")
    verify.add_argument("--to", default="")
    verify.set_defaults(handler=_verify)
    acts.add_parser("keep-day", help="keep a view of today for mail programs (Backups/...)"
                    ).set_defaults(handler=lambda a: ask(a.state, "day_keep"))  # fmt: skip
    _add_restore(acts.add_parser("restore", help="bring back what is missing, or a whole box"))
    add_targets(acts.add_parser("target", help="drives, folders, repositories"))
    add_key(acts.add_parser("key", help="the recovery sheet"))


def _add_restore(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--from", dest="source", default="", help="a target, drive or address")
    parser.add_argument("--version", default="", help="default: the newest")
    parser.add_argument("--account", default="", help="default: every account of this box")
    parser.add_argument("--folder", default="")
    parser.add_argument("--message", default="", help="a UID, a file's name, or a <Message-ID>")
    parser.add_argument("--all", action="store_true", help="a whole box, onto new hardware")
    parser.add_argument("--card", action="store_true", help="the state, from the old mail disk")
    parser.add_argument("--key-stdin", action="store_true",
                        help="the words of the recovery sheet come on standard input")  # fmt: skip
    parser.add_argument("--environment-stdin", action="store_true",
                        help="there too: lines NAME=value, what the address asks for")  # fmt: skip
    parser.set_defaults(handler=_restore)


# --- runs


def _now(arguments: argparse.Namespace) -> None:
    to = absolute(arguments.to)
    make_ready(arguments.state)
    try:
        control.ask(arguments.state, "backup_now", to=to)
    except ConnectionError:
        with opened_job(arguments.state) as job, _stopped(job):
            freeze = view.freeze_stopped(job.box.mail)
            outcome = job.run(target_of(job, to), freeze, watch=_watch())
        _tell({"outcome": outcome.outcome, "sentence": outcome.sentence})
    else:
        _wait_for_daemon(arguments.state)


def _verify(arguments: argparse.Namespace) -> None:
    to = absolute(arguments.to)
    make_ready(arguments.state)
    try:
        control.ask(arguments.state, "backup_verify", to=to, version=arguments.version)
    except ConnectionError:
        with opened_job(arguments.state) as job:
            print(job.verify(target_of(job, to), arguments.version, _watch()))
    else:
        _wait_for_daemon(arguments.state)


def _wait_for_daemon(state: Path) -> None:
    """Until it has ended, over a restart of the appliance too: what was cut off goes on then."""
    show = _watch().progress
    gone_since = 0.0
    while True:
        try:
            told = control.ask(state, "backup_progress")
            gone_since = 0.0
        except (ConnectionError, Refused):
            gone_since = gone_since or time.monotonic()
            if time.monotonic() - gone_since > _RESTART_SECONDS:
                raise Refused(
                    "The appliance does not run any more. What was cut off goes on when it runs."
                ) from None
            time.sleep(_PATIENCE)
            continue
        if not told["is_busy"]:
            _tell(told)
            return
        left = told["seconds_left"]
        show(Progress(told["fraction"], told["octets"], left, told["step"]))
        time.sleep(_PATIENCE)


def _tell(told: dict[str, Any]) -> None:
    if told.get("outcome") not in {"proven", "restored"}:
        raise Refused(told.get("sentence") or "The appliance was restarted meanwhile; see: status")
    print(told["sentence"])


def _watch() -> Watch:
    """Progress for whoever sits in front of it."""
    last = [""]

    def show(progress: Progress) -> None:
        words = progress.step
        if progress.fraction:
            words += f" {progress.fraction:.0%}"
        if progress.seconds_left:
            words += f", {remaining(progress.seconds_left)}"
        if words != last[0] and sys.stderr.isatty():
            print(f"\r\x1b[K{words}", end="", file=sys.stderr, flush=True)
            last[0] = words

    return Watch(threading.Event(), progress=show)


@contextlib.contextmanager
def _stopped(job: Job) -> Iterator[Store]:
    """The mail of a box that does not run, for us alone."""
    mark = job.box.state / "had-mail-disk"
    identity = mark.read_bytes() if mark.exists() else b""
    store = Store(job.box.mail, SystemClock(), expect_marker=mark.exists(), identity=identity)
    store.start()
    try:
        if not store.is_online:
            raise StorageOffline(store.offline_because)
        yield store
        run_here(store.settle())
    finally:
        store.stop()


# --- versions


def _list(arguments: argparse.Namespace) -> None:
    make_ready(arguments.state)
    with opened_job(arguments.state) as job:
        named = absolute(arguments.source)
        targets = [target_of(job, named)] if named else job.present()
        covered = {each.label: job.coverage(each) for each in job.history.targets()}
        found: list[dict[str, Any]] = [
            {
                "target": each.label,
                "version": version.identity,
                "taken": version.taken,
                "proven": proven,
                **_numbers(version.tags),
                "covered": covered[each.label].told(),
            }
            for each in targets
            for version, proven in job.versions(each)
        ]
        known = [each for each in job.history.targets() if not named or each in targets]
    if arguments.json:
        print_json(found)
        return
    print_table(
        [
            [
                each["version"][:8],
                moment(each["taken"]),
                each["target"],
                f"{each.get('messages', 0):,} messages",
                f"{each.get('accounts', 0)} accounts",
                "proven" if each["proven"] else "not proven",
            ]
            for each in found
        ]
    )
    for one in known:
        print(coverage.sentence(one, covered[one.label]))


def _numbers(tags: tuple[str, ...]) -> dict[str, int]:
    pairs = (tag.partition("=") for tag in tags)
    return {name: int(value) for name, _, value in pairs if value.isdigit()}


# --- restoring


def _restore(arguments: argparse.Namespace) -> None:
    is_told = arguments.key_stdin or arguments.environment_stdin
    words, environment = address.told(sys.stdin.read() if is_told else "")
    opened = key.read(words) if words.strip() else None
    if arguments.all or arguments.card:
        _restore_box(arguments, opened, environment)
        return
    if (arguments.folder or arguments.message) and not arguments.account:
        raise Refused("Say whose mail it is with --account.")
    wanted = Wanted(arguments.version, arguments.account, arguments.folder, arguments.message)
    source = absolute(arguments.source)
    make_ready(arguments.state)
    try:
        control.ask(
            arguments.state,
            "backup_restore",
            wanted={
                "version": wanted.version,
                "account": wanted.account,
                "mailbox": wanted.mailbox,
                "message": wanted.message,
            },
            source=source,
            words=words,
            environment=environment,
        )
    except ConnectionError:
        _restore_here(
            arguments.state,
            wanted,
            lambda job, watch: job.source(source, opened, watch, environment),
        )
    else:
        _wait_for_daemon(arguments.state)


def _restore_here(state: Path, wanted: Wanted, find: Callable[[Job, Watch], Engine]) -> None:
    with open_database(state) as database:
        job, accounts = open_job(state, database), database.directory().accounts
        if wanted.account and wanted.account not in accounts:
            raise NotFound(f"There is no account {wanted.account}; add it first.")
        watch, done = _watch(), Restored()
        with _stopped(job) as store:
            engine = find(job, watch)
            whole = resolved(engine, wanted, job.box.mail)
            pace = Pace(watch, sum(each.expected for each in whole))
            for each in whole:
                if each.account not in accounts:
                    pace.plan(-each.expected)
                    done += Restored(left_out=(each.account,))
                    continue
                made, scratch = fetched(engine, job.box.mail, each, pace)
                home = store.home(each.account)
                steps = merge.put_back(home, job.box.mail, scratch, made, pace)
                done += run_here(steps)[0]
                merge.clear(job.box.mail)
    print(done.sentence)


def _restore_box(
    arguments: argparse.Namespace, opened: key.Key | None, environment: dict[str, str]
) -> None:
    state = arguments.state
    with contextlib.suppress(ConnectionError):
        if not control.ask(state, "status").get("recovery"):
            raise Refused("The appliance runs; stop it first, then restore everything.")
        source = absolute(arguments.source)
        words = " ".join(opened.words) if opened is not None else ""
        control.ask(
            state,
            "recovery_restore",
            words=words,
            source=source,
            version=arguments.version,
            environment=environment,
        )
        _wait_for_daemon(state)
        return
    if opened is None:
        raise Refused("The words of the recovery sheet are needed: --key-stdin.")
    place = Place(state, mail_directory(state))
    if arguments.card:
        print(newbox.restore_state(card.engine(place.mail, opened, _watch()), place))
        return
    if not arguments.source:
        raise Refused("Say where the backup is: --from DRIVE.")
    engine = foreign_source(absolute(arguments.source), opened, _watch(), environment)
    version = find_version(engine, arguments.version).identity
    print(newbox.restore_all(engine, version, place), "Start it now.")
