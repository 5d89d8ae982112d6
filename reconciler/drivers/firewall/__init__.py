"""The host's firewall and routing policy, for the networks of every driver."""
