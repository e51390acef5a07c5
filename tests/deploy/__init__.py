"""What a schema misses: manifests, compose.yaml and images say the same as the code and each other."""
