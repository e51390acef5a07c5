"""Attention over rows packed into one line: the kernels that compute it, and the CPU's own."""
