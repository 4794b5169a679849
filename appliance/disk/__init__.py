"""The mail disk while the box runs: watched, changed for another, built anew."""
