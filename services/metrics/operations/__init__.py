"""One handler an operation: it reads artifacts, calls the domain, and writes an artifact's parts.

More than fifteen files side by side: one for each operation, by its name, and what several read through
(asked, running, stored_rows, text_sets, trials).
"""
