"""What every Gamut service stands on: contracts, artifacts, jobs, the object store and the queue."""
