"""What refuses a candidate, one module for each reason."""
