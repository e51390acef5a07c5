"""The trainer beside transformers' Trainer with peft, on the same rows in the same order."""
