"""Makes the pages of docs/ that are read off the code: settings.md, rfcs.md and card.md.

.venv/bin/python -m tests.house.reference
"""

import dataclasses
import re
from pathlib import Path

from appliance import settings
from appliance.panel.card import card
from appliance.upkeep.adapting import LATER

ROOT = Path(__file__).parents[2]


def settings_page():
    """Every setting with its default, limits and help."""
    lines = [
        "# Settings",
        "",
        "`STATE/settings.toml`; what it does not name has its default. What is changed by the page holds at",
        "once where nothing else is said; what is changed in the file, after `pillarbox settings apply` or a",
        "restart. Read off `appliance/sections.py`.",
        "",
    ]
    for section in dataclasses.fields(settings.Settings):
        kind = type(getattr(settings.Settings(), section.name))
        lines += [
            f"## [{section.name}]",
            "",
            kind.__doc__,
            "",
            "| setting | default | limits | what it is |",
            "|---|---|---|---|",
        ]
        for field in dataclasses.fields(kind):
            limits = settings.help_of(kind, field.name)
            bounds = (
                f"{limits.low} to {limits.high}"
                if limits.low is not None
                else ", ".join(limits.choices)
            )
            default = f'"{field.default}"' if isinstance(field.default, str) else field.default
            is_later = field.name in LATER.get(section.name, ())
            note = " Holds after a restart." if is_later else ""
            lines.append(f"| `{field.name}` | `{default}` | {bounds} | {limits.help}{note} |")
        lines.append("")
    return "\n".join(lines)


def rfcs_page():
    """Which RFC is obeyed where, from the citations in the code."""
    places = {}
    for path in sorted((ROOT / "appliance").rglob("*.py")):
        for number in re.findall(r"RFC (\d{3,5})", path.read_text()):
            places.setdefault(int(number), set()).add(str(path.relative_to(ROOT / "appliance")))
    lines = [
        "# RFCs",
        "",
        "Where each is obeyed; read off the citations in the code, where the sections stand.",
        "",
        "| RFC | cited in |",
        "|---|---|",
    ]
    lines += [
        f"| {number} | {', '.join(f'`{place}`' for place in sorted(found))} |"
        for number, found in sorted(places.items())
    ]
    return "\n".join(lines) + "\n"


PAGES = {"settings.md": settings_page, "rfcs.md": rfcs_page, "card.md": card}

if __name__ == "__main__":
    for name, make in PAGES.items():
        (ROOT / "docs" / name).write_text(make())
