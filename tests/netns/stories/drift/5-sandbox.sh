ip netns del t-web
for _ in $(seq 30); do  # the kernel buries its links later; a watcher may have made new ones by then
    [ "$(ip -o link show type veth | grep -c ': ve')" != 1 ] || break
    sleep 0.1
done
