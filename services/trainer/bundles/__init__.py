"""Several adapters trained at once on one frozen base: who goes along, and the steps they share."""
