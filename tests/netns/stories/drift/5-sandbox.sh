ip netns del t-web
