"""Wirewatch, the processes: Celery workers, command line, console."""
