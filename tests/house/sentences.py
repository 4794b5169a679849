"""What the rooms below say to people, found where it stands: literals and f-strings, as templates.

A sentence is a literal that reads like one; what is filled into it from the same module is found
too (a local name, a small function, both arms of an `if`). Other parts of sentences are marked
`phrase(...)` there (`appliance/words.py`). Of what is filled in a template says the name only.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "appliance"
_SILENT = ("cli", "imap", "pop3", "message", "speech")
"""Rooms whose words no page and no letter shows."""
_SILENT_FILES = frozenset((
    "smtp/server.py", "smtp/message.py", "smtp/parameters.py", "smtp/login.py", "smtp/trace.py",
    "smtp/replies.py", "smtp/arriving.py", "doors.py", "panel/card.py", "backup/engine.py",
    "store/check.py", "store/log.py", "reports/letters.py", "reports/dmarc.py", "reports/tls.py",
    "devices/autodiscover.py", "net/proxy.py", "filters/signatures.py", "filters/spf.py",
    "filters/worker.py", "helper/requests.py", "web/server.py", "web/guard.py",
    "web/openapi.py", "web/metrics.py", "store/takeout.py", "relay/policy.py",
    "support/bundle.py",
))  # fmt: skip
"""Files that speak to programs, to the command line or to the log only."""
_HEAD = re.compile(
    r"(From|To|Subject|Host|Received|Date|[A-Z]\w+-[\w-]+|MAIL|RCPT|AUTH|GET|health-|Mail server)\b"
    r".*[:{<]"
)
_WORD = re.compile(r"[A-Za-z]*[a-z][a-z']*")
_COMMAND = re.compile(r"(pillarbox|restic) |\S*\{\w+\}\S*\Z")
"""What is typed, and names that are put together."""
_SPEAKING = frozenset(("Condition", "Finding", "Verdict", "Light", "phrase", "say"))
_MOST_FORMS = 16

Found = dict[str, str]  # template -> where it stands


def of_the_house() -> Found:
    """Every sentence of the rooms below."""
    found: Found = {}
    shapes = set()
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if name.split("/")[0] in _SILENT or name in _SILENT_FILES:
            continue
        for text, line in of_module(path.read_text(encoding="utf-8")):
            shape = re.sub(r"\{\w+\}", "{}", text)
            if shape not in shapes:
                shapes.add(shape)
                found[text] = f"{name}:{line}"
    return found


def of_module(source: str) -> list[tuple[str, int]]:
    """Templates of a module, with their lines."""
    tree = ast.parse(source)
    return [
        (paragraph, node.lineno)
        for node in _Module(tree).spoken()
        for text in templates(node)
        for paragraph in _paragraphs(text)
        if _WORD.search(re.sub(r"\{\w+\}", "", paragraph)) and not _COMMAND.match(paragraph)
    ]


def templates(node: ast.expr) -> list[str]:
    """What a literal can say; an `if` between literals makes two of it."""
    if isinstance(node, ast.Constant):
        return [re.sub(r"\{(\w+)[:!][^}]*\}", r"{\1}", node.value)]
    if isinstance(node, ast.IfExp):
        return [*templates(node.body), *templates(node.orelse)] if _is_text(node) else []
    if not isinstance(node, ast.JoinedStr):
        return []
    parts: list[list[str]] = []
    names: dict[str, int] = {}
    for each in node.values:
        if isinstance(each, ast.FormattedValue) and not _is_text(each.value):
            name = _name(each.value)
            names[name] = names.get(name, 0) + 1
            parts.append([f"{{{name}{names[name] if names[name] > 1 else ''}}}"])
        else:
            parts.append(templates(each.value if isinstance(each, ast.FormattedValue) else each))
    return ["".join(each) for each in itertools.islice(itertools.product(*parts), _MOST_FORMS)]


class _Module:
    """What is spoken in one module."""

    def __init__(self, tree: ast.Module) -> None:
        self._tree = tree
        self._skipped = set(_skipped(tree))
        self._functions = {
            each.name: each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef)
        }

    def spoken(self) -> list[ast.expr]:
        """The literals, in the order in which they stand."""
        found: dict[ast.expr, None] = {}
        for scope in (self._tree, *self._functions_of(self._tree)):
            nodes = list(_own(scope))
            told = set(_told(nodes))
            for node in nodes:
                if (
                    isinstance(node, ast.expr)
                    and node not in self._skipped
                    and (node in told or _is_sentence(node))
                ):
                    self._take(node, scope, found)
        return sorted(found, key=lambda each: (each.lineno, each.col_offset))

    @staticmethod
    def _functions_of(tree: ast.Module) -> list[ast.AST]:
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
        return [each for each in ast.walk(tree) if isinstance(each, kinds)]

    def _take(self, node: ast.expr, scope: ast.AST, found: dict[ast.expr, None]) -> None:
        """It, and what flows into it."""
        if node in found:
            return
        found[node] = None
        if not isinstance(node, ast.JoinedStr):
            return
        for value in (each.value for each in node.values if isinstance(each, ast.FormattedValue)):
            for name in ast.walk(value):
                if isinstance(name, ast.Name):
                    for literal in self._behind(name.id, scope):
                        self._take(literal, scope, found)

    def _behind(self, name: str, scope: ast.AST) -> Iterator[ast.expr]:
        """The literals that a name can stand for here."""
        if name in self._functions:
            for node in ast.walk(self._functions[name]):
                if isinstance(node, ast.Return) and node.value is not None:
                    yield from _literals(node.value)
            return
        for node in _own(scope):
            if isinstance(node, ast.Assign) and name in _names(node.targets):
                yield from _literals(node.value)


def _names(targets: list[ast.expr]) -> set[str]:
    return {
        each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name)
    }


def _own(scope: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a scope, without those of functions within it, nor those within literals."""
    for child in ast.iter_child_nodes(scope):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        yield child
        if not isinstance(child, ast.JoinedStr):
            yield from _own(child)


def _skipped(tree: ast.Module) -> Iterator[ast.AST]:
    """What is said to nobody: docstrings, the log, patterns."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield node.value
        elif isinstance(node, ast.Call) and re.match(
            r"(log\.|re\.|logging\.|_?log\b|N_$)|.*\.(execute|executemany|executescript)$",
            ast.unparse(node.func),
        ):
            yield from ast.walk(node)


def _literals(node: ast.expr) -> Iterator[ast.expr]:
    """The texts that an expression can give: not those it is compared with or looked up by."""
    if _is_text(node) and not isinstance(node, ast.IfExp):
        yield node
    for each in _arms(node):
        yield from _literals(each)


def _arms(node: ast.expr) -> list[ast.expr]:
    """The parts of an expression that can become its value."""
    match node:
        case ast.IfExp(body=body, orelse=orelse):
            return [body, orelse]
        case ast.Tuple(elts=several) | ast.List(elts=several) | ast.BoolOp(values=several):
            return several
        case ast.Dict(values=several):
            return several
        case ast.BinOp(left=left, right=right):
            return [left, right]
        case ast.Subscript(value=value):
            return [value]
        case ast.Call(func=ast.Attribute(value=value, attr="get"), args=[_, *rest]):
            return [value, *rest]
    return []


def _told(nodes: list[ast.AST]) -> Iterator[ast.expr]:
    """What an error or a condition says; a single word only where it is marked."""
    raised = [each.exc for each in nodes if isinstance(each, ast.Raise)]
    for call in (*nodes, *raised):
        if not isinstance(call, ast.Call):
            continue
        name = ast.unparse(call.func).split(".")[-1]
        if call not in raised and name not in _SPEAKING:
            continue
        for each in call.args:
            is_text = isinstance(each, ast.Constant) and isinstance(each.value, str)
            if isinstance(each, ast.JoinedStr) or (
                is_text and (" " in each.value or name == "phrase")
            ):
                yield each


def _is_sentence(node: ast.expr) -> bool:
    """Whether a literal reads like a sentence."""
    if not isinstance(node, ast.JoinedStr) and not (
        isinstance(node, ast.Constant) and isinstance(node.value, str)
    ):
        return False
    text = templates(node)[0] if templates(node) else ""
    words = _WORD.findall(re.sub(r"\{\w+\}", "", text))
    if (
        len(words) < 2
        or " " not in text
        or "|" in text
        or _HEAD.match(text)
        or not re.match(r"(- )?\s?[A-Z{\"]", text)
    ):
        return False
    is_ended = re.search(r"[.?!:][\")]?(\s|\{\w+\})*\Z", text) is not None
    return is_ended or (len(words) > 2 and text[0].isupper())


def _is_text(node: ast.expr) -> bool:
    """An `if` between literals."""
    if isinstance(node, ast.IfExp):
        return _is_text(node.body) and _is_text(node.orelse)
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def _name(node: ast.expr) -> str:
    """A name for what is filled in."""
    if isinstance(node, ast.Name):
        return node.id.strip("_").lower()
    if isinstance(node, ast.Attribute):
        return node.attr.strip("_").lower()
    if isinstance(node, ast.Call):
        return _name(node.args[0]) if node.args else _name(node.func)
    if isinstance(node, ast.Subscript):
        if isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
            return node.slice.value
        return _name(node.value)
    if isinstance(node, (ast.BinOp, ast.UnaryOp)):
        return _name(node.left if isinstance(node, ast.BinOp) else node.operand)
    if isinstance(node, (ast.BoolOp, ast.IfExp)):
        return _name(node.values[0] if isinstance(node, ast.BoolOp) else node.body)
    return "value"


def _paragraphs(text: str) -> list[str]:
    """Letters are translated paragraph by paragraph, as they are shown line by line."""
    return [each.strip().removeprefix("- ") for each in text.split("\n\n")]
