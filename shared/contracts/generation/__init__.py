"""Generation: sources, topics and synthetic rows.

W = arXiv 2506.19262, C = arXiv 2410.15226, E = arXiv 2511.01490. Defaults are theirs where they state one.
"""
