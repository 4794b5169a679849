"""Health: one small file a check, what was measured, and who is told of it."""
