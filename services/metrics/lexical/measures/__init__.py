"""One lexical measure a module, each from token hashes or mergeable counts; and their intervals."""
