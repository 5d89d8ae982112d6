"""macvlan and ipvlan: containers as machines of a LAN, on a link of the host or on one that leads nowhere."""
