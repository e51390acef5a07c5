"""Topics: the pool made to exactly so many, when two are the same, and whose turn it is."""
