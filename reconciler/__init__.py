"""Container networking for Linux, declared in YAML, compared with the live kernel, and put right."""

__version__ = "0.1.0"
