"""What a request or a whole plan would take, before anything runs: rows, calls, money and seconds."""
