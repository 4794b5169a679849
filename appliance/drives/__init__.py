"""Which drive is what: mounted where, holding the mail, free to be chosen."""
