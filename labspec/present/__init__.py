"""A Report for people at a terminal, as a page, and for programs."""
