"""The OpenAPI documents of the four services, what changed in them, and the clients made from them."""
