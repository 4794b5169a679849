"""The house stands: imports go down, rooms keep to themselves, nothing grows too large."""

import ast
import re
import sys
from functools import cache
from itertools import combinations
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "appliance"

FLOORS = {
    **dict.fromkeys(
        (
            "settings",
            "sections",
            "conditions",
            "files",
            "ballast",
            "threads",
            "clock",
            "log",
            "errors",
            "words",
            "paper",
        ),
        0,
    ),
    **dict.fromkeys(("message", "net", "hardware", "helper"), 1),
    "sieve": 2,
    **dict.fromkeys(("store", "accounts"), 3),
    **dict.fromkeys(("queue", "delivery", "relay", "fetch", "filters", "zone", "answering"), 4),
    **dict.fromkeys(
        (
            "smtp",
            "imap",
            "pop3",
            "managesieve",
            "backup",
            "health",
            "panel",
            "trace",
            "reports",
            "devices",
            "speech",
            "migration",
            "support",
            "updates",
        ),
        5,
    ),
    "web": 6,
    **dict.fromkeys(("drives", "post", "lastgood"), 7),
    "front": 8,
    "parts": 9,
    **dict.fromkeys(("doors", "copies", "office"), 10),
    **dict.fromkeys(("disk", "lanpage"), 11),
    "upkeep": 12,
    **dict.fromkeys(
        (
            "__main__",
            "chores",
            "cli",
            "control",
            "daemon",
            "recovery",
            "requests",
            "simulating",
            "starting",
        ),
        13,
    ),
}
ROOF = 13
ADDRESS_OF_LIBRARY = {
    "aiosmtpd": "appliance/smtp/",
    "pyudev": "appliance/hardware/udev.py",
    "RPi": "appliance/hardware/gpio.py",
    "psutil": "appliance/hardware/vitals.py",
    "uvloop": "appliance/starting.py",
    "dns": "appliance/net/resolver.py",
    "aiosmtplib": "appliance/relay/",
    "imapclient": ("appliance/fetch/", "appliance/migration/remote.py"),
    "poplib": "appliance/fetch/",
    "dkim": "appliance/filters/",
    "spf": "appliance/filters/",
    "authheaders": "appliance/filters/",
    "authres": "appliance/filters/",
    "nacl": "appliance/filters/",
    "defusedxml": ("appliance/reports/", "appliance/devices/autodiscover.py"),
    "fpdf": "appliance/paper.py",
    "segno": ("appliance/devices/", "appliance/paper.py"),
    "starlette": "appliance/web/",
    "uvicorn": "appliance/web/server.py",
    "jinja2": "appliance/web/render.py",
    "babel": "appliance/speech/",
    "pyotp": "appliance/web/entry.py",
}
# Where somebody waits: aiosmtpd's commands are coroutines, so smtp/ has more such files, and
# whoever asks the DNS or another server waits by trade.
MAY_BE_ASYNC = re.compile(
    r"/(server|runner|recorder|job|front|safekeeping|caring|letters|recovery|resetting|byfile|sticks|simulating|backuping|daykeeping|tidying|supporting|panel|watch|daemon|starting|doors|outside|intake|publishing|sending|replying|reporting|maildisk|moving|rebuilding|switching|adapting|sampling|requests|control|threads|postroom|networking|wireless|backupjob|parting|migrating|updating|offering|locking|chores|certifying"
    r"|net/connection|net/proxy|net/resolver|net/systemd|queue/carriers"
    r"|smtp/login|smtp/message|smtp/examining|smtp/context"
    r"|net/blocklists|zone/checking"
    r"|relay/(client|attempt|opening|login|pool|hosts|policy)"
    r"|fetch/(collector|consents)|migration/mover"
    r"|filters/(judge|signing|worker|reports|blocklists)"
    r"|web/.*"
    r")\.py$"
)
MOST_LINES, MOST_FUNCTION_LINES, MOST_PARAMETERS = 400, 40, 7


@cache
def modules():
    return {path: ast.parse(path.read_text()) for path in sorted(PACKAGE.rglob("*.py"))}


def name_of(path):
    return str(path.relative_to(ROOT))


def room_of(module):
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def imports_of(tree):
    """Modules imported when the program runs (not those for types only)."""
    skipped = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield node.module
            if node.module.count(".") <= 1 and node.module.startswith("appliance"):
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


def functions():
    for path, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield path, node


def test_every_room_has_its_floor():
    rooms = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in modules()}
    assert rooms - {"__init__"} <= set(FLOORS)


def test_imports_only_go_down_and_rooms_of_one_floor_do_not_know_each_other():
    wrong = []
    for path, tree in modules().items():
        here = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if here == "__init__":
            continue
        for module in imports_of(tree):
            there = room_of(module) if module.startswith("appliance") else ""
            if there in {"", "__version__", here} or FLOORS[here] == ROOF:
                continue
            if FLOORS[there] > FLOORS[here] or (FLOORS[there] == FLOORS[here] != 0):
                wrong.append(f"{name_of(path)} imports {module}")
    assert wrong == []


def test_there_is_no_circle():
    names = {
        name_of(path)[:-3].replace("/", ".").removesuffix(".__init__"): tree
        for path, tree in modules().items()
    }
    graph = {
        name: {m for m in imports_of(tree) if m in names and m != name}
        for name, tree in names.items()
    }
    done, path = set(), []

    def visit(name):
        assert name not in path, f"circle: {' > '.join([*path[path.index(name) :], name])}"
        if name in done:
            return
        path.append(name)
        for other in sorted(graph[name]):
            visit(other)
        path.pop()
        done.add(name)

    for name in graph:
        visit(name)


def test_each_outside_library_has_one_address():
    wrong = [
        f"{name_of(path)} imports {module}"
        for path, tree in modules().items()
        for module in imports_of(tree)
        for library, address in ADDRESS_OF_LIBRARY.items()
        if module.split(".")[0] == library and not name_of(path).startswith(address)
    ]
    assert wrong == []


def test_only_files_py_changes_the_disk():
    acts = re.compile(
        r"\bos\.(write|rename|replace|link|unlink|remove|rmdir|mkdir|makedirs|fsync|fdatasync|ftruncate|utime)\("
        r"|\.(write_bytes|write_text|unlink|rename|mkdir|rmdir|touch)\(|\bshutil\.|open\([^)]*[\"'][wax]"
    )
    allowed = {
        "appliance/files.py",
        "appliance/control.py",  # the socket is not data
        "appliance/hardware/leds.py",  # nor are the kernel's switches
        "appliance/backup/process.py",  # the same
    }
    wrong = [
        f"{name_of(path)}: {line.strip()}"
        for path in modules()
        if name_of(path) not in allowed and not name_of(path).startswith("appliance/helper/")
        for line in path.read_text().splitlines()
        if acts.search(line) and not re.search(r"\b(files|self|home|disk)\.", line)
    ]
    assert wrong == []


def test_what_runs_as_root_imports_only_the_standard_library_and_itself():
    of_root = [
        PACKAGE / "helper" / f"{name}.py"
        for name in ("perform", "disks", "locks", "run", "requests", "bundle", "switch", "systems")
    ]
    wrong = [
        f"{name_of(path)} imports {module}"
        for path in of_root
        for module in imports_of(modules()[path])
        if module.split(".")[0] not in sys.stdlib_module_names
        and not module.startswith("appliance.helper")
    ]
    assert wrong == []


def test_no_file_and_no_function_is_too_long():
    files = [
        f"{name_of(p)}: {len(p.read_text().splitlines())}"
        for p in modules()
        if len(p.read_text().splitlines()) > MOST_LINES
    ]
    long = [
        f"{name_of(path)} {node.name}: {node.end_lineno - node.lineno + 1}"
        for path, node in functions()
        if node.end_lineno - node.lineno + 1 > MOST_FUNCTION_LINES
    ]
    wide = [
        f"{name_of(path)} {node.name}"
        for path, node in functions()
        if len(node.args.posonlyargs) + len(node.args.args) > MOST_PARAMETERS
    ]
    assert (files, long, wide) == ([], [], [])


def test_waiting_stands_where_it_belongs():
    wrong = [
        f"{name_of(path)} {node.name}"
        for path, node in functions()
        if isinstance(node, ast.AsyncFunctionDef) and not MAY_BE_ASYNC.search(name_of(path))
    ]
    assert wrong == []


@pytest.mark.parametrize("kind", ["modules", "classes", "functions"])
def test_everything_public_says_what_it_is_for(kind):
    wrong = []
    for path, tree in modules().items():
        for node in ast.walk(tree):
            if kind == "modules" and isinstance(node, ast.Module):
                public = True
            elif (kind == "classes" and isinstance(node, ast.ClassDef)) or (
                kind == "functions" and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            ):
                public = not node.name.startswith("_")
            else:
                continue
            if public and not ast.get_docstring(node):
                wrong.append(f"{name_of(path)} {getattr(node, 'name', '')}")
    # functions inside functions are private by nature
    inner = {
        f"{name_of(path)} {child.name}"
        for path, node in functions()
        for child in ast.walk(node)
        if child is not node and isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert [each for each in wrong if each not in inner] == []


def test_nothing_silences_the_checkers_without_a_reason():
    wrong = [
        f"{name_of(path)}: {line.strip()}"
        for path in modules()
        for line in path.read_text().splitlines()
        if re.search(r"type: ignore|noqa(?!: [A-Z0-9, ]+ - \w)", line)
    ]
    assert wrong == []


def test_floors_are_drawn_in_the_readme_as_they_are_checked():
    picture = (ROOT / "README.md").read_text()
    there = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in modules()}
    missing = sorted(
        room for room in there - {"__init__", "__main__"} if not re.search(rf"\b{room}\b", picture)
    )
    assert missing == []


def test_no_two_rooms_share_a_file_of_the_same_words():
    texts = {path: path.read_text().strip() for path in modules() if path.stat().st_size > 200}
    same = [
        f"{name_of(a)} = {name_of(b)}" for a, b in combinations(texts, 2) if texts[a] == texts[b]
    ]
    assert same == []
