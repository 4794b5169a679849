"""What a domain should say in the DNS, whether it does, and what this box can reach."""
