"""The door for POP3 (RFC 1939): mail programs that take mail away."""
