"""Ugly mail: messages that have broken mail programs, written for the purpose.

`make.py` writes them; the small ones lie beside it, the large ones are made when asked for.
"""

from functools import cache
from pathlib import Path

HERE = Path(__file__).parent


@cache
def _all() -> dict[str, bytes]:
    from tests.corpus.make import large_messages  # make.py is a program, too

    small = {path.stem: path.read_bytes() for path in sorted(HERE.glob("*.eml"))}
    return small | large_messages()


def ugly_messages() -> dict[str, bytes]:
    """All messages by name, with CRLF except where the line end is what is ugly."""
    return dict(_all())
