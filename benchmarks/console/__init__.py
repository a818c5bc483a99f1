"""What the console costs, for those who read it and for the ingest beside it (issue 9)."""
