"""Mailboxes: Maildir++ as the truth, an index as a cache, UIDs that are never given twice."""
