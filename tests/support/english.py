"""Whether a text that should be in another language still has English in it."""

from __future__ import annotations

import re

_WORDS = frozenset(
    [
        "the",
        "is",
        "of",
        "to",
        "and",
        "not",
        "with",
        "for",
        "from",
        "has",
        "have",
        "had",
        "been",
        "cannot",
        "this",
        "that",
        "are",
        "be",
        "yet",
        "you",
        "your",
        "it",
        "its",
        "by",
        "at",
        "on",
        "or",
        "as",
        "if",
        "when",
        "which",
        "what",
        "there",
        "these",
        "those",
        "they",
        "their",
        "than",
        "then",
        "only",
        "every",
        "nothing",
        "nobody",
        "somebody",
        "any",
        "more",
        "again",
        "does",
        "did",
        "could",
        "should",
        "would",
        "here",
        "while",
        "since",
    ]
)
"""Words that hardly any English sentence goes without, and that German does not have."""


def english_in(text: str) -> list[str]:
    """The English words of a text; addresses, options and what stands in < > are no words."""
    plain = re.sub(r"\S*[@<>/_=]\S*|--\S+|[\w.-]+\.(test|org|com|toml|json)", " ", text)
    return [each for each in re.findall(r"\b[^\W\d_]+\b", plain) if each.lower() in _WORDS]
