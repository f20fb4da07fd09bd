"""Which sales of a file are not used, and why: what cannot be read, is certainly wrong, or looks wrong."""
