"""A link as a code that a phone's camera reads, for a page."""

from __future__ import annotations


def as_image(link: str) -> str:
    """An image as a data: address, so that a page needs no other file for it."""
    import segno  # noqa: PLC0415 - rare, and large

    return str(segno.make(link, error="m").svg_data_uri(scale=5, border=4, light="#fff"))
