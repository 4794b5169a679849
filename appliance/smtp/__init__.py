"""The doors for SMTP: port 25 for strangers, 587 and 465 for our own people."""
