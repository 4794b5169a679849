"""How mail leaves and what keeps it honest: the post room, names, reports, too much sent."""
