"""The service's operations: a request and a workspace in, an artifact's parts and summary out."""
