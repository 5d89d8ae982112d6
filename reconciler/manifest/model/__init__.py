"""What a manifest may say: its keys and their texts."""
