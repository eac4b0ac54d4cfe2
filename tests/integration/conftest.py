# SPDX-License-Identifier: Apache-2.0
import itertools
import secrets

import pytest

import sandbox

# Before anything else: the whole session lives below the reaper, in a namespace of its own.
REAPER, WORK = sandbox.enter_reaper()
sandbox.enter_mount_namespace()

import daemon  # noqa: E402
import roots  # noqa: E402
from oracle import Oracle, cgroups_below, eventually  # noqa: E402

CGROUP_PARENT = f"/davit-test-{secrets.token_hex(4)}"
_numbers = itertools.count()


@pytest.fixture(scope="session")
def work():
    """A folder on a tmpfs of the session's own."""
    sandbox.fill_work_folder(WORK)
    yield WORK
    sandbox.empty_work_folder(WORK)


@pytest.fixture(scope="session")
def cgroup_parent():
    """Where davitd's cgroups go; bundles for davit-oci name cgroups below it."""
    yield CGROUP_PARENT
    assert not cgroups_below(CGROUP_PARENT)


@pytest.fixture(scope="module")
def busybox_root(work):
    """One for each file: containers may write to it, and mount targets are made in it."""
    path = roots.make_busybox_root(work / f"b{next(_numbers)}")
    yield path
    sandbox.remove_tree(path)


@pytest.fixture
def folder(work):
    """An empty folder of the test's own."""
    path = work / f"t{next(_numbers)}"
    path.mkdir()
    yield path
    sandbox.remove_tree(path)


@pytest.fixture
def bundle(folder, busybox_root, cgroup_parent):
    """bundle({"process.args": ["true"]}, root=...): a bundle folder with a changed config.json."""
    def make(changes=None, root=busybox_root, text=None, name="bundle"):
        config = roots.make_config(root, cgroups_path=f"{cgroup_parent}/{secrets.token_hex(4)}")
        return roots.write_bundle(folder / name, text if text is not None else roots.change(config, changes or {}))
    return make


@pytest.fixture(scope="module", autouse=True)
def nothing_is_left_of_the_file(work, busybox_root):
    """The leak oracle around every test file; what the session has stays."""
    oracle = Oracle(REAPER, CGROUP_PARENT)
    yield oracle
    oracle.check()


@pytest.fixture
def new_oracle():
    """new_oracle(): the state now; its ancestor is the reaper of all that tests start."""
    return lambda: Oracle(REAPER, CGROUP_PARENT)


@pytest.fixture
def nothing_is_left():
    """The leak oracle around one test."""
    oracle = Oracle(REAPER, CGROUP_PARENT)
    yield oracle
    oracle.check()


@pytest.fixture(scope="module")
def module_davitd(work, cgroup_parent, busybox_root, nothing_is_left_of_the_file):
    """One davitd for a file; it has done everything once, so that what it makes lazily is there."""
    server = daemon.Davitd(work / f"d{next(_numbers)}", cgroup_parent).start()
    with server.client() as client:
        number = client.call("container.create", rootfs=str(busybox_root), args=["sleep", "100"])["id"]
        client.call("container.start", container=number)
        client.open("container.logs", container=number, follow=True)
        client.call("container.delete", container=number, force=True)
    yield server
    server.stop()
    sandbox.remove_tree(server.place)


@pytest.fixture
def davitd(module_davitd):
    """The file's davitd; what a test makes in it is removed, and then nothing of it may be left."""
    module_davitd.assert_alive()
    eventually(module_davitd.is_quiet, what="davitd is not quiet")
    oracle = Oracle(REAPER, CGROUP_PARENT)
    before, files = module_davitd.descriptors(), module_davitd.files()
    yield module_davitd
    module_davitd.hang_up()
    module_davitd.assert_alive()
    module_davitd.remove_all()
    eventually(lambda: module_davitd.descriptors() == before,
               what=lambda: "descriptors before and now: "
               f"{set(before.items()) ^ set(module_davitd.descriptors().items())}")
    assert set(module_davitd.files()) <= set(files)
    oracle.check()


@pytest.fixture
def rpc(davitd):
    with davitd.client() as client:
        yield client


@pytest.fixture
def run(davitd, rpc, busybox_root):
    """run("sh", "-c", "...", env=[...]): a whole life of a container over the busybox root."""
    def whole_life(*args, **create):
        if not {"rootfs", "bundle", "host"} & set(create):
            create["rootfs"] = str(busybox_root)
        return davitd.run(rpc, *args, **create)
    return whole_life


@pytest.fixture
def launch(rpc, busybox_root):
    """launch("sleep", "100", ...): creates and starts; the id. The davitd fixture removes it."""
    def create_and_start(*args, **create):
        if not {"rootfs", "bundle", "host"} & set(create):
            create["rootfs"] = str(busybox_root)
        if args:
            create["args"] = list(args)
        number = rpc.call("container.create", **create)["id"]
        rpc.call("container.start", container=number)
        return number
    return create_and_start


@pytest.fixture
def new_davitd(folder, cgroup_parent, nothing_is_left):
    """new_davitd(): a davitd for this test alone, that may be killed and started again."""
    made = []

    def make(*extra, start=True):
        server = daemon.Davitd(folder / f"d{len(made)}", cgroup_parent, extra)
        made.append(server)
        return server.start() if start else server
    yield make
    for server in made:
        if server.process is None:
            continue
        if server.process.poll() is not None:
            server.start()
        server.remove_all()
        assert eventually(lambda: not server.files()), server.files()
        server.stop()
