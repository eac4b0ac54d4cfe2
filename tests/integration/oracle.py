# SPDX-License-Identifier: Apache-2.0
"""The leak oracle: processes, cgroups, mounts, network namespaces, and the descriptors and files of a
davitd, before and after."""
import os
import time
from pathlib import Path

DEADLINE = 15.0


def eventually(check, seconds=DEADLINE, what=None):
    """Calls check() until it returns something true, and returns that; fails after `seconds`."""
    end = time.monotonic() + seconds
    pause = 0.001
    while True:
        result = check()
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what() if callable(what) else what or check}")
        time.sleep(pause)
        pause = min(pause * 2, 0.05)


def process_facts(pid):
    """(state, parent, start time, comm) of a process; None when it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    comm, rest = text[text.index("(") + 1:text.rindex(")")], text[text.rindex(")") + 2:].split()
    return rest[0], int(rest[1]), int(rest[19]), comm


def is_alive(pid):
    facts = process_facts(pid)
    return facts is not None and facts[0] not in "ZX"


def descendants(ancestor):
    """{pid: (start time, comm)} of all living descendants."""
    facts = {int(entry): process_facts(entry) for entry in os.listdir("/proc") if entry.isdigit()}
    children = {}
    for pid, fact in facts.items():
        if fact:
            children.setdefault(fact[1], []).append(pid)
    found, todo = {}, [ancestor]
    while todo:
        for pid in children.get(todo.pop(), ()):
            todo.append(pid)
            if facts[pid][0] not in "ZX":
                found[pid] = facts[pid][2:]
    return found


def cgroup_roots():
    """The mount point of every hierarchy."""
    roots = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields = line.split()
        if fields[fields.index("-") + 1] in ("cgroup", "cgroup2") and fields[3] == "/":
            roots.append(Path(fields[4]))
    return roots


def cgroups_below(parent):
    """Every folder at or below `parent` (as "/davit-x") in every hierarchy."""
    found = set()
    for root in cgroup_roots():
        for folder, folders, _ in os.walk(root / parent.strip("/")):
            found.add(folder)
    return found


def mounts():
    """Mount point and kind of all mounts of this namespace; a list, for one may lie over another."""
    result = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields = line.split()
        result.append((fields[4], fields[fields.index("-") + 1]))
    return sorted(result)


def network_namespaces(pids):
    """Inodes of the network namespaces that these processes are in or hold open."""
    found = set()
    for pid in pids:
        links = [f"/proc/{pid}/ns/net"]
        try:
            links += [f"/proc/{pid}/fd/{fd}" for fd in os.listdir(f"/proc/{pid}/fd")]
        except OSError:
            continue
        for link in links:
            try:
                target = os.readlink(link)
            except OSError:
                continue
            if target.startswith("net:["):
                found.add(target)
    return found


def descriptors(pid):
    """What a process has open, by kind: {"socket": 3, "/path": 1, ...}."""
    found = {}
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            target = os.readlink(f"/proc/{pid}/fd/{fd}")
        except FileNotFoundError:
            continue
        kind = target.split(":")[0] if not target.startswith("/") else target
        found[kind] = found.get(kind, 0) + 1
    return found


class Oracle:
    """Takes the state when it is made; check() waits until nothing is there that was not there then.
    What was just going away when the state was taken may be gone; mounts, though, have to be the same."""

    def __init__(self, ancestor, cgroup_parent):
        self.ancestor = ancestor
        self.cgroup_parent = cgroup_parent
        self.before = self._take()

    def _take(self):
        processes = descendants(self.ancestor)
        return {
            "processes": {(pid, *facts) for pid, facts in processes.items()},
            "cgroups": cgroups_below(self.cgroup_parent),
            "mounts": mounts(),
            "network namespaces": network_namespaces(processes),
        }

    def difference(self):
        """What is there now and was not, and the other way round, as text; "" when all is as before."""
        lines = []
        for kind, now in self._take().items():
            before = self.before[kind]
            lines += [f"new {kind}: {item}" for item in now if item not in before]
            if kind == "mounts":
                lines += [f"gone {kind}: {item}" for item in before if item not in now]
                lines += [f"{kind}: {len(before)} before, {len(now)} now"] if len(now) != len(before) else []
        return "\n".join(lines)

    def check(self, seconds=DEADLINE):
        eventually(lambda: not self.difference(), seconds, self.difference)
