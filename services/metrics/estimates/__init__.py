"""What each operation would take, before it runs."""
