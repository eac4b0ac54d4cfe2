# SPDX-License-Identifier: Apache-2.0
"""Where the tests run: below a reaper of their own, in a private mount namespace, in a folder on a
tmpfs of their own. Whatever a test starts stays a descendant of the reaper, so that the oracle can
find it, and what loses its parent is reaped at once, as PID 1 would do."""
import ctypes
import os
import signal
import tempfile
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
CLONE_NEWNS = 0x00020000
MS_NOSUID, MS_NODEV, MS_REC, MS_PRIVATE = 2, 4, 1 << 14, 1 << 18
MNT_DETACH = 2

_libc = ctypes.CDLL(None, use_errno=True)


def _call(name, *arguments):
    if getattr(_libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def mount(source, target, kind, flags=0, options=None):
    _call("mount", source and os.fsencode(source), os.fsencode(target), kind and kind.encode(),
          ctypes.c_ulong(flags), options and options.encode())


def unmount(target):
    _call("umount2", os.fsencode(target), MNT_DETACH)


def _end_descendants():
    """What is left when the tests themselves were killed: all of it is theirs."""
    while True:
        children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        if not children:
            return
        for pid in children:
            os.kill(int(pid), signal.SIGKILL)
        try:
            while os.wait():
                pass
        except ChildProcessError:
            pass


def enter_reaper():
    """Forks: the child goes on as the caller, the parent reaps until the child ends, with its status.
    (The parent's pid, a folder that goes with the parent.)"""
    _call("prctl", PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    folder = tempfile.mkdtemp(prefix="davit-it-", dir="/tmp")
    child = os.fork()
    if child == 0:
        return os.getppid(), Path(folder)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, frame: os.kill(child, number))
    while True:
        pid, status = os.wait()
        if pid == child:
            break
    _end_descendants()
    os.rmdir(folder)
    code = os.waitstatus_to_exitcode(status)
    os._exit(code if code >= 0 else 128 - code)


def enter_mount_namespace():
    _call("unshare", CLONE_NEWNS)
    mount(None, "/", None, MS_REC | MS_PRIVATE)


def remove_tree(path):
    """Removes a folder, but nothing of another file system that is mounted below it."""
    device = os.lstat(path).st_dev
    with os.scandir(path) as entries:
        children = list(entries)
    for entry in children:
        if not entry.is_dir(follow_symlinks=False):
            os.unlink(entry.path)
        elif os.lstat(entry.path).st_dev != device:
            raise OSError(f"{entry.path} is a mount point: it stays")
        else:
            remove_tree(entry.path)
    os.rmdir(path)


def fill_work_folder(folder):
    """A tmpfs of our own: short paths, as sockets need them, and nothing of it outside."""
    mount("davit-it", folder, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=4g")


def empty_work_folder(folder):
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.is_symlink():
            remove_tree(path)
        else:
            path.unlink()
    unmount(folder)
