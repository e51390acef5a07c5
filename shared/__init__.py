"""What every Gamut service stands on: contracts, artifacts, jobs, the object store and the queue.

More than fifteen files side by side: each is one thing that all services say or do alike; folders hold what
is larger.
"""
