"""What an operator does with the store: collect what nothing needs, back up, restore."""
