"""What is thought of a message while its sender waits, and what is said about those who send."""
