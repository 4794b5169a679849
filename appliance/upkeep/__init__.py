"""The box looked after: health, network, settings, updates, sticks, reset."""
