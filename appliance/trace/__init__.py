"""The story of each message: where it came from, what was thought of it, where it went and why."""
