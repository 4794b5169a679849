"""Everything that page and API can ask or do: one file a part of the box, one table of all."""
