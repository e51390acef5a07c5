"""From examples to forward passes: the order of the rows, their tensors, and how they are laid out."""
