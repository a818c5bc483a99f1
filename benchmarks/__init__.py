"""Measurements: one command each, a table on stderr and JSON on stdout. Ratios count, figures move between machines."""
