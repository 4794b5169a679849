"""What the box says to people, in their language: pages and letters alike."""
