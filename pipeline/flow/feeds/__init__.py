"""What people do with feeds: find, check, add, take in by the list, manage and look over."""
