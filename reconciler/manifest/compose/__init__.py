"""Compose's files: found, merged, extended and interpolated."""
