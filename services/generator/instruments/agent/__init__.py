"""LLM Cluster-agent (arXiv 2410.15226): how diverse a language model finds a dataset.

`criteria` asks what texts differ in, `clustering` reads and checks clusterings, `runs` makes them one by one,
`score` turns them into a value with an interval.
"""
