"""Moving in: the mail of accounts at other servers is brought here, each message once."""
