"""Updates of the box: what is under way, the proof by real mail, the way back."""
