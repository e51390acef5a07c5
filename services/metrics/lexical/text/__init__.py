"""From UTF-8 texts to token hashes: buffers, characters, tokenisers and their kernels."""
