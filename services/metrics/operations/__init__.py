"""One handler an operation: it reads artifacts, calls the domain, and writes an artifact's parts."""
