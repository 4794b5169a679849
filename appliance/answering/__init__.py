"""Automatic answers: whether a message gets one, what stands in it, and who had one already."""
