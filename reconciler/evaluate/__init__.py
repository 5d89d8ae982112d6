"""What becomes of a connection, by what the kernel holds: rules, elements, routes, links."""
