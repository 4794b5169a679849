"""Backups as the running box makes them."""
