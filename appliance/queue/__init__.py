"""The post room's shelf: accepted messages and their envelopes until everybody has them."""
