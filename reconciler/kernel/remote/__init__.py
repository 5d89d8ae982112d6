"""Remote drivers of libnetwork: where they are, what they are asked, and what is kept of their answers."""
