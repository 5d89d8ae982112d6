"""What is kept of manifests on disk."""
