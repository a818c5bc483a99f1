"""What people ask of stories: to search them, look through them, take them away, have them explained or erased."""
