"""Mail programs for Node.js: one script each, told what to do by a line of JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.box import Box
from tests.support.programs import run

HERE = Path(__file__).parent


def run_node(box: Box, home: Path, script: str, settings: dict[str, Any]) -> Any:
    """Run a script in `home`, with the box's CA trusted and no other; what it printed as JSON."""
    if not (HERE / "node_modules").is_dir():
        pytest.fail(
            "imapflow and nodemailer are missing: npm ci (or ./build.sh test) installs them"
        )
    settings = {"ca": str(box.ca), "host": "localhost", **settings}
    done = run(home, "node", HERE / script, stdin=json.dumps(settings).encode())
    return json.loads(done.stdout or b"null")
