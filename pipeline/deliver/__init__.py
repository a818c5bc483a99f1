"""deliver: who is to get what, when, and how it reads. Sending is for the adapters."""
