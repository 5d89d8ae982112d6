"""What runs for long: the repair loop with its triggers, its status and its metrics."""
