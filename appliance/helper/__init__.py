"""What needs root: a closed list of requests, asked over a socket, carried out one at a time."""
