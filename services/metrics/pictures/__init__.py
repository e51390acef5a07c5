"""Pictures of datasets. Each is a PNG and, beside it, the very numbers that were drawn."""
