"""People: domains, accounts, aliases, passwords; who may log in and who gets which mail."""
