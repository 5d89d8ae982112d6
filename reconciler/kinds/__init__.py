"""What a Linux kernel can hold: one frozen dataclass a kind, no I/O."""
