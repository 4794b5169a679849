"""The LAN page and its API: what an owner, a helper or a user sees and may do."""
