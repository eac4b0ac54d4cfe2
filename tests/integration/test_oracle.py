# SPDX-License-Identifier: Apache-2.0
"""The leak oracle sees what it is there for."""
import os
import subprocess

import pytest
import sandbox
from oracle import cgroup_roots, descendants, eventually, network_namespaces


@pytest.fixture
def orphan(new_oracle):
    """orphan(command): a process that nobody of ours is the parent of."""
    reaper, made = new_oracle().ancestor, []

    def make(*command):
        known = set(descendants(reaper))
        subprocess.run(["setsid", "--fork", *command], check=True, timeout=20)
        made.extend(eventually(lambda: set(descendants(reaper)) - known))
    yield make
    for pid in made:
        os.kill(pid, 9)
    eventually(lambda: not set(made) & set(descendants(reaper)))


def must_fail(oracle, kind):
    with pytest.raises(AssertionError) as failure:
        oracle.check(0.05)
    assert f"new {kind}: " in str(failure.value)


def test_a_process_without_its_parent(new_oracle, orphan):
    oracle = new_oracle()
    oracle.check(0.1)
    orphan("sleep", "100")
    must_fail(oracle, "processes")


def test_a_cgroup_in_any_hierarchy(new_oracle, cgroup_parent):
    for root in cgroup_roots():
        oracle = new_oracle()
        path = root / cgroup_parent.strip("/") / "leaked"
        path.mkdir(parents=True)
        must_fail(oracle, "cgroups")
        path.rmdir()
        path.parent.rmdir()
        oracle.check(1)


def test_a_mount(new_oracle, folder):
    oracle = new_oracle()
    for _ in range(2):
        sandbox.mount("x", folder, "tmpfs")
    must_fail(oracle, "mounts")
    sandbox.unmount(folder)
    must_fail(oracle, "mounts")
    after = new_oracle()
    sandbox.unmount(folder)
    oracle.check(1)
    with pytest.raises(AssertionError, match="gone mounts: "):
        after.check(0.05)


def test_a_network_namespace(new_oracle, orphan):
    oracle = new_oracle()
    orphan("unshare", "--net", "sleep", "100")
    eventually(lambda: network_namespaces(descendants(oracle.ancestor)) - oracle.before["network namespaces"])
    must_fail(oracle, "network namespaces")


def test_a_folder_with_a_mount_in_it_stays(folder):
    (folder / "a/b").mkdir(parents=True)
    sandbox.mount("x", folder / "a/b", "tmpfs")
    (folder / "a/b/file").touch()
    with pytest.raises(OSError, match="mount point"):
        sandbox.remove_tree(folder / "a")
    assert (folder / "a/b/file").exists()
    sandbox.unmount(folder / "a/b")
