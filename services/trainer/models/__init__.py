"""Base models and adapters: which weights a request names, loaded, built and saved."""
