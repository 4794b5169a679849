"""Collecting mail from mailboxes at providers, each message exactly once."""
