"""The pages people look at: rendered on the server, a little script, nothing from elsewhere."""
