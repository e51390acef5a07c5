"""All lexical measures of a large set at once: over shards, in one process, in several, or on Ray."""
