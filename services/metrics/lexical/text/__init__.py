"""From UTF-8 texts to token hashes: buffers, tables of characters, tokenisers and their kernels.

What a token is, and when two texts are the same, is told in `shared/text/` (`words`, `normal`, `unspaced`);
the kernels here only do it fast, and `tests/unit/services/metrics/lexical/text/test_tokens.py` holds them
to it.
"""
