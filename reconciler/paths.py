"""Where things stand on a host."""

DEFAULT_PATH = "/etc/reconciler"  # the manifests, where no PATH is given
STATE = "/var/lib/reconciler"  # revisions, and the key that no other host knows
CACHE = "/run/reconciler/manifests"  # of validated manifests; deleting it costs a little time
ATTACHMENTS = "/run/reconciler/cni"  # what plugins of CNI were told, and answered
REMOTE = "/run/reconciler/plugins"  # and remote drivers of libnetwork
MEMOS = "/run/reconciler/memos"  # of commands that found nothing to do; likewise
LOGS = f"{STATE}/logs"  # what crun's containers say
ENGINES_USED = f"{STATE}/engines"  # a file for each that runs something of ours
