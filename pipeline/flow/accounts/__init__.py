"""Who signs in, what proves it, and who changed what."""
