"""Outbound SMTP: one transaction with another server, and everything needed to choose it."""
