"""What users write: YAML text in, frozen specs out, and every mistake with its place."""
