"""Numbers as Prometheus reads them: its text format, version 0.0.4
(prometheus.io/docs/instrumenting/exposition_formats). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Sample = tuple[Mapping[str, str], float]


@dataclass(frozen=True, slots=True)
class Metric:
    """One name with all its samples."""

    name: str
    help: str
    kind: str
    samples: Sequence[Sample]


Value = float | None | Sequence[Sample]


def gauge(name: str, help_text: str, value: Value) -> Metric:
    """What goes up and down: one value without labels, or samples; None: not known, left out."""
    return Metric(name, help_text, "gauge", _samples(value))


def counter(name: str, help_text: str, value: Value) -> Metric:
    """What only grows until the next start; _total is added to its name."""
    return Metric(f"{name}_total", help_text, "counter", _samples(value))


def written(metrics: Iterable[Metric]) -> str:
    """The whole text."""
    lines: list[str] = []
    for each in metrics:
        if not each.samples:
            continue
        lines.append(f"# HELP {each.name} {_escaped(each.help)}")
        lines.append(f"# TYPE {each.name} {each.kind}")
        lines += [f"{each.name}{_labels(labels)} {_number(it)}" for labels, it in each.samples]
    return "".join(f"{line}\n" for line in lines)


def _samples(value: Value) -> Sequence[Sample]:
    if value is None:
        return ()
    return [({}, value)] if isinstance(value, int | float) else value


def _labels(labels: Mapping[str, str]) -> str:
    told = ",".join(f'{name}="{_quoted(value)}"' for name, value in labels.items())
    return f"{{{told}}}" if told else ""


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _quoted(text: str) -> str:
    return _escaped(text).replace('"', '\\"')


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))
