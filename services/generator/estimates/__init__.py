"""What a request would cost and what it would send, before it is a job."""
