"""The alert language: syntax, evaluation, and the forms in which engines narrow."""
