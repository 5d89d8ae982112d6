"""Keys of the Compose specification that no part of ours uses: accepted, whatever they hold, and listed by -v."""

SERVICE = frozenset(
    """
    annotations attach blkio_config build cap_add cap_drop cgroup cgroup_parent command configs
    cpu_count cpu_percent cpu_period cpu_quota cpu_rt_period cpu_rt_runtime cpu_shares cpus cpuset
    credential_spec develop device_cgroup_rules devices entrypoint gpus group_add healthcheck init
    ipc isolation label_file logging mem_limit mem_reservation mem_swappiness memswap_limit models
    oom_kill_disable oom_score_adj pid pids_limit platform post_start pre_start pre_stop privileged
    pull_policy pull_refresh_after read_only restart secrets security_opt shm_size stdin_open
    stop_grace_period stop_signal storage_opt tmpfs tty ulimits use_api_socket user userns_mode uts
    volumes volumes_from working_dir
    """.split()
)
DEPLOY = frozenset("labels placement resources restart_policy rollback_config update_config".split())
TOP = frozenset("configs models secrets version volumes".split())
NOTHING: frozenset[str] = frozenset()
