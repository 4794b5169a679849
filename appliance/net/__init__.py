"""Connections, limits for strangers, certificates: what every door shares."""
