"""X25519 (RFC 7748): a public key of a private one, and what two hosts share whose keys know each other.

It takes longer for some numbers than for others: who could measure that is root here already.
"""

P = (1 << 255) - 19
A24 = 121665
SIZE = 32  # bytes of either key
BASE = (9).to_bytes(SIZE, "little")


def clamped(scalar: bytes) -> int:
    number = int.from_bytes(scalar, "little") & ((1 << 255) - 8)
    return number | 1 << 254


def x25519(scalar: bytes, point: bytes) -> bytes:
    """The Montgomery ladder, letter by letter as in the RFC's section 5."""
    k, x1 = clamped(scalar), int.from_bytes(point, "little") & ((1 << 255) - 1)
    x2, z2, x3, z3, swap = 1, 0, x1, 1, 0
    for t in reversed(range(255)):
        if (bit := k >> t & 1) != swap:
            x2, z2, x3, z3, swap = x3, z3, x2, z2, bit
        a, b = x2 + z2, x2 - z2
        aa, bb, da, cb = a * a % P, b * b % P, (x3 - z3) * a % P, (x3 + z3) * b % P
        e = aa - bb
        x3, z3 = (da + cb) ** 2 % P, x1 * (da - cb) ** 2 % P
        x2, z2 = aa * bb % P, e * (aa + A24 * e) % P
    if swap:
        x2, z2 = x3, z3
    return (x2 * pow(z2, P - 2, P) % P).to_bytes(SIZE, "little")
