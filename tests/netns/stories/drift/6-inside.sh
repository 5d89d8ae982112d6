ip -n t-db addr flush dev eth0
