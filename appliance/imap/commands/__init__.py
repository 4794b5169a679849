"""One file for each family of commands; `appliance.imap.table` says which name is which."""
