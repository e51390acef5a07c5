"""From request to artifact: training, evaluation, what a plan says of them, and their progress."""
