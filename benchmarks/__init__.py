"""Every figure we quote, beside the peer it is compared with. `python -m benchmarks.<area>` writes
`benchmarks/results/<area>.json`."""
