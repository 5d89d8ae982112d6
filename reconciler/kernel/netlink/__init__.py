"""Netlink messages, both ways."""
