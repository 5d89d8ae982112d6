ip link del br-t-n
