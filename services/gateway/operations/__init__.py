"""What this service does as jobs: it coordinates experiments."""
