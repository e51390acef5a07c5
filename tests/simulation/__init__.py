"""A simulated language-model server: deterministic, and as ill-behaved as it is told to be.

For tests, benchmarks and rehearsals of a recipe. It speaks the protocol and passes the same contract tests
as real servers, but it is no source of data: what it writes is noise in sentences, and its model says so by
name.
"""
