ip netns del t-web
until [ "$(ip -o link show type veth | grep -c ': ve')" = 1 ]; do sleep 0.1; done  # the kernel buries its links later
