"""The Linux kernel, spoken to in its own protocols: netlink, nftables, namespaces."""
