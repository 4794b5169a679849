"""backup target and backup key: where backups go, and the recovery sheet."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from appliance.backup import address, coverage, damage, key, sheet
from appliance.backup.coverage import Coverage
from appliance.backup.history import SHEET_PROVEN, Target
from appliance.backup.job import Job
from appliance.cli.asking import office_voice, open_database
from appliance.cli.drive import make_ready
from appliance.cli.output import add_json_option, moment, print_json, print_table
from appliance.copies.backupjob import open_job, target_of
from appliance.errors import Refused


def add_targets(parser: argparse.ArgumentParser) -> None:
    """Add backup target to the command line."""
    acts = parser.add_subparsers(dest="what", required=True, metavar="ACT")
    add = acts.add_parser("add", help="use a drive, folder or repository from now on")
    add.add_argument("target", help="a folder, or sftp:..., s3:..., rest:...")
    add.add_argument("--label", default="")
    add.add_argument("--environment-stdin", action="store_true",
                     help="lines NAME=value with what the repository asks for")  # fmt: skip
    add.set_defaults(handler=_target_add)
    show = acts.add_parser("list", help="all targets")
    add_json_option(show)
    show.set_defaults(handler=_target_list)
    renew = acts.add_parser("renew", help="begin anew where the backup is not there any more")
    renew.add_argument("target")
    renew.set_defaults(handler=_target_renew)
    discard = acts.add_parser("discard", help="let go of what was set aside as damaged on it")
    discard.add_argument("target")
    discard.set_defaults(handler=_target_discard)
    remove = acts.add_parser("remove", help="use it no more; what is on it stays")
    remove.add_argument("target")
    remove.set_defaults(handler=_target_remove)


def add_key(parser: argparse.ArgumentParser) -> None:
    """Add backup key to the command line."""
    acts = parser.add_subparsers(dest="what", required=True, metavar="ACT")
    show = acts.add_parser("show", help="print the recovery sheet")
    show.set_defaults(handler=_key_show)
    prove = acts.add_parser("prove", help="prove that the sheet is there: two words of it")
    prove.add_argument("words", nargs="*", metavar="NUMBER=WORD")
    prove.set_defaults(handler=_key_prove)
    add = acts.add_parser("add", help="let a second sheet open a target, and print it")
    add.add_argument("target")
    add.set_defaults(handler=_key_add)


@contextlib.contextmanager
def opened_job(state: Path) -> Iterator[Job]:
    """The backups of the box in STATE."""
    with open_database(state) as database:
        yield open_job(state, database)


def _target_add(arguments: argparse.Namespace) -> None:
    with opened_job(arguments.state) as job:
        if address.is_address(arguments.target):
            given = sys.stdin.read() if arguments.environment_stdin else ""
            added = job.add_address(arguments.target, address.environment(given), arguments.label)
        else:
            added = job.adopt(Path(arguments.target), arguments.label)
        print(f"{added.location} is {added.name} from now on.")
        if not job.history.fact(SHEET_PROVEN):
            print("Print the recovery sheet (pillarbox backup key show) and put it away.")


def _target_list(arguments: argparse.Namespace) -> None:
    with opened_job(arguments.state) as job:
        here = {each.identity for each in job.present()}
        targets = job.history.targets()
        covered = {each.identity: job.coverage(each) for each in targets}
    if arguments.json:
        print_json([_values(each, here, covered[each.identity]) for each in targets])
        return
    print_table(
        [
            [
                each.label,
                each.location,
                "here" if each.identity in here else "not here",
                f"proven {moment(each.last_proven)}" if each.last_proven else "never proven",
            ]
            for each in targets
        ]
    )
    for each in targets:
        print(coverage.sentence(each, covered[each.identity]))
    told = damage.reminder(targets)
    if told is not None:
        print(f"{told.sentence} {told.remedy}")


def _values(each: Target, here: set[str], covered: Coverage) -> dict[str, Any]:
    return {
        "id": each.identity,
        "label": each.label,
        "location": each.location,
        "here": each.identity in here,
        "last_run": each.last_run,
        "last_proven": each.last_proven,
        "proven_version": each.proven_version,
        "damaged_files": each.damaged_files,
        "damaged_octets": each.damaged_octets,
        "covered": {"sentence": coverage.sentence(each, covered), **covered.told()},
    }


def _target_remove(arguments: argparse.Namespace) -> None:
    with opened_job(arguments.state) as job:
        job.history.remove(job.history.target(_known(job, arguments.target)).identity)


def _target_renew(arguments: argparse.Namespace) -> None:
    with opened_job(arguments.state) as job:
        renewed = job.renew(job.history.target(_known(job, arguments.target)))
        print(f"The next backup on {renewed.name} begins anew.")


def _target_discard(arguments: argparse.Namespace) -> None:
    make_ready(arguments.state)
    with opened_job(arguments.state) as job:
        of = job.history.target(_known(job, arguments.target))
        found = job.discard_damaged(of)
    make_ready(arguments.state)  # and have the board looked over
    was = f" any more; it was {found}" if found.files else ""
    print(f"Nothing is set aside on {of.name}{was}.")


def _known(job: Job, named: str) -> str:
    targets = job.history.targets()
    names = {name for each in targets for name in (each.label, each.identity, each.name)}
    return named if named in names else absolute(named)


# --- the recovery sheet


def _key_show(arguments: argparse.Namespace) -> None:
    with opened_job(arguments.state) as job:
        words, say = key.load_or_make(arguments.state), office_voice(arguments.state).say
        print(sheet.text(words, job.box.host, time.time(), say), end="")


def _key_prove(arguments: argparse.Namespace) -> None:
    if not arguments.words:
        first, second = sheet.question()
        raise Refused(
            f"Type words {first} and {second} of the recovery sheet: "
            f"pillarbox backup key prove {first}=... {second}=..."
        )
    pairs = [word.partition("=") for word in arguments.words]
    if not all(number.isdigit() and equals for number, equals, _ in pairs):
        raise Refused("Words are given as NUMBER=WORD.")
    numbers = [int(number) for number, _, _ in pairs]
    sheet.prove(key.load(arguments.state), numbers, [word for _, _, word in pairs])
    with opened_job(arguments.state) as job:
        job.history.note(SHEET_PROVEN, str(int(time.time())))
    print("The recovery sheet is the right one.")


def _key_add(arguments: argparse.Namespace) -> None:
    with opened_job(arguments.state) as job:
        second = key.make()
        job.add_key(target_of(job, _known(job, arguments.target)), second)
        say = office_voice(arguments.state).say
        print(sheet.text(second, job.box.host, time.time(), say), end="")
    print(f"\nThis second sheet opens only {arguments.target}.")


def absolute(named: str) -> str:
    """A folder by its whole path, because the daemon is elsewhere; labels and addresses stay."""
    is_path = "/" in named and not address.is_address(named)
    return str(Path(named).absolute()) if is_path else named
