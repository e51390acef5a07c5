"""What the services' REST edges have in common: problems, health, limits, metrics."""
