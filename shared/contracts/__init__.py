"""Wire models: pydantic and the standard library only, so that any client may import them.

What many services share, and operations of one class, are files here, more than elsewhere, so that a name in
the API is found by the name of its file; generation, instruments, measurement and training have folders.
"""
