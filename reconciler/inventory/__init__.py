"""What stands, told to decisions: the host's facts, and whose each thing of ours is."""
