"""Which of IP's families a text is of: an address, or a prefix."""


def family(text: str) -> int:
    return 6 if ":" in text else 4
