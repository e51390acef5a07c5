"""Wire models: pydantic and the standard library only, so that any client may import them."""
