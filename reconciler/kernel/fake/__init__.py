"""A kernel on a dict that cascades and refuses as Linux does."""
