"""Where things stand on a host."""

DEFAULT_PATH = "/etc/reconciler"  # the manifests, where no PATH is given
CACHE = "/run/reconciler/manifests"  # of validated manifests; deleting it costs a little time
