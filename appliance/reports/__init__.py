"""Reports between servers: how our mail and mail in our name fared there, and theirs here."""
