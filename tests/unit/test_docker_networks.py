"""What is kept of Docker's networks."""

from reconciler.guests import docker_networks


def test_none_is_known_where_the_state_directory_is_a_file(tmp_path, monkeypatch):
    """A watcher asks each time that it looks after guests."""
    (tmp_path / "state").touch()
    monkeypatch.setattr(docker_networks, "FOLDER", f"{tmp_path}/state/docker")
    assert docker_networks.all_of_them() == []
