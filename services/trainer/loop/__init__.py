"""The training loop: transformers' Trainer with our steps, its arguments, callbacks, checkpoints and loss."""
