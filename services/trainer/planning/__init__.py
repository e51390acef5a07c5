"""What a training or an evaluation would take before anything runs, and the machine it runs on."""
