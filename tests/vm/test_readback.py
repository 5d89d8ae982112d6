"""Law 7 on Debian's stock kernel, the oldest that is supported, for all kinds: it has those that others lack."""

from tests.netns.test_readback import host, test_reads_back

__all__ = ["host", "test_reads_back"]
