"""Documents from outside, read within bounds, and the places in them where something is wrong."""
