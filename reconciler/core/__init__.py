"""Resources, plans and the one loop.  Pure; knows nothing of networking."""
