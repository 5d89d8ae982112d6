ip link set br-t-n mtu 1300
