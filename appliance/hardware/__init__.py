"""LEDs, button, drives: real or simulated behind the same interfaces."""
