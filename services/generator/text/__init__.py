"""How long a text is: in tokens of a tokenizer, of a server, or in words."""
