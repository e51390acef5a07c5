"""Wire models: pydantic and the standard library only, so that any client may import them.

More than fifteen files side by side: one for each thing that goes over the wire, by its name, and a folder
where requests, settings and results are many (generation, instruments, measurement, training).
"""
