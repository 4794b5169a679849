"""What somebody who helps may see of a box: how it is, and nobody's name, address or subject."""
