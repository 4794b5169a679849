"""The mail delivery agent: from the queue into people's mailboxes."""
