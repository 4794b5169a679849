"""support: a file for somebody who helps, without names."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from appliance import files
from appliance.cli.asking import ask
from appliance.support.bundle import pack


def add_commands(commands: Any) -> None:
    """Add support to the command line."""
    parser = commands.add_parser(
        "support", help="write a file for somebody who helps; names and addresses are replaced"
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="such as support.zip")
    parser.set_defaults(handler=_support)


def _support(arguments: argparse.Namespace) -> None:
    packed = pack(ask(arguments.state, "support"))
    files.replace(arguments.file, packed)
    print(f"Written: {arguments.file}")
