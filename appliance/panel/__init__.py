"""What the lamps say and what the button means."""
