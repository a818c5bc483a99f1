"""Wirewatch, the library: the things, the stages and the ports between them."""
