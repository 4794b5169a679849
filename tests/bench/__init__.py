"""Benchmarks beside Dovecot and Postfix; a command (./build.sh bench), never a timed test."""
