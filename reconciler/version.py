"""The version, said once: the package, `--version` and what is kept on disk take it from here."""

__version__ = "0.2.0"
