"""Backups to drives and elsewhere: taken, proven, thinned, and brought back."""
