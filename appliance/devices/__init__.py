"""Setting up mail programs and phones: what they are told, and how it went."""
