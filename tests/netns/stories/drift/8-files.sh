rm -r /etc/netns/t-web
