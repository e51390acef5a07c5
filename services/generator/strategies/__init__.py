"""What to ask a model for: one small module for each way of making diverse rows."""
