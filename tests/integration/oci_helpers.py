# SPDX-License-Identifier: Apache-2.0
"""davit-oci and runc as the tests drive them."""
import json
import os
import subprocess
import tempfile

import daemon
import roots

DEADLINE = 60 if daemon.IS_SANITIZED else 30

# What the payload tells of itself, section by section.
INSPECT = r"""
section() { echo "== $1"; }
section status; cat /proc/1/status
section mountinfo; cat /proc/1/mountinfo
section cgroup; cat /proc/1/cgroup
section limits; cat /proc/1/limits
section environ; tr '\0' '\n' </proc/1/environ
section descriptors; for fd in /proc/1/fd/*; do echo "${fd##*/} $(readlink $fd)"; done
section network; cat /proc/net/dev | cut -d: -f1
section names; hostname; readlink /proc/1/cwd
"""


class Runtime:
    """One OCI runtime with a state folder of its own."""

    def __init__(self, program, state):
        self.program = str(program)
        self.state = state

    def command(self, *arguments, options=()):
        return [self.program, "--root", str(self.state), *map(str, options), *map(str, arguments)]

    def __call__(self, *arguments, options=(), stdin=subprocess.DEVNULL, **more):
        """Runs it; the finished process with its output as text. The output goes to files, as a container
        that stays behind keeps what it was given."""
        with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
            done = subprocess.run(self.command(*arguments, options=options), stdin=stdin, stdout=output,
                                  stderr=errors, text=True, timeout=DEADLINE, **more)
            output.seek(0)
            errors.seek(0)
            done.stdout, done.stderr = output.read(), errors.read()
            return done

    def ok(self, *arguments, **more):
        done = self(*arguments, **more)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def piped(self, *arguments):
        """Its output by way of a pipe, which the payload sees."""
        return subprocess.run(self.command(*arguments), stdin=subprocess.DEVNULL, capture_output=True, check=True,
                              text=True, timeout=DEADLINE).stdout

    def start_process(self, *arguments, **more):
        return subprocess.Popen(self.command(*arguments), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, **more)

    def create(self, bundle, number, *options):
        return self.ok("create", "--bundle", bundle, *options, number)

    def state_of(self, number):
        return json.loads(self.ok("state", number))

    def status_of(self, number):
        return self.state_of(number)["status"]

    def ids(self):
        return self.ok("list", "--quiet").split()

    def fails(self, *arguments, code, where, text="", **more):
        """Runs it and expects one line with this error; what it said between the two."""
        done = self(*arguments, **more)
        line = done.stderr.strip()
        verb = next(word for word in arguments if not str(word).startswith("-"))
        assert done.returncode == 1, done
        assert line.startswith(f"davit-oci: {verb}: {code}: "), line
        assert line.endswith(f" ({where})"), line
        assert text in line, line
        assert "\n" not in line


def inspected(output):
    """{"status": [...lines], ...} of what INSPECT printed."""
    sections = {}
    for line in output.splitlines():
        if line.startswith("== "):
            lines = sections.setdefault(line[3:], [])
        else:
            lines.append(line)
    return sections


# Of /proc/1/status: what a runtime decides.
STATUS_KEPT = ("Umask", "Uid", "Gid", "Groups", "NStgid", "NSpid", "NSpgid", "NSsid", "SigQ", "SigBlk", "SigIgn",
               "SigCgt", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp",
               "Seccomp_filters", "Cpus_allowed")


def normalised(sections, names):
    """The same for both runtimes where only numbers, ids and paths of this run differ; `names` are
    the texts that stand for "CONTAINER"."""
    result = {}
    for section, lines in sections.items():
        if section == "status":
            lines = [line.strip() for line in lines if line.split(":")[0] in STATUS_KEPT]
            lines = [line for line in lines if not line.startswith("SigQ")]
        if section == "mountinfo":
            lines = [mount_line(line) for line in lines]
        if section == "descriptors":
            lines = [line.replace(line.split(":[")[-1], "N]") if ":[" in line else line for line in lines]
        for name in names:
            lines = [line.replace(name, "CONTAINER") for line in lines]
        result[section] = lines
    return result


def mount_line(line):
    """target type source root options super-options; without ids and devices."""
    left, right = line.split(" - ")
    fields, (kind, source, super_options) = left.split(), right.split(" ", 2)
    return f"{fields[4]} {kind} {source} {fields[3]} {fields[5]} {' '.join(fields[6:])} {super_options}"


def difference(ours, theirs):
    """Lines only one of them has: {section: (ours, theirs)}; the order within a section does not count."""
    result = {}
    for section in ours:
        only_ours = sorted(set(ours[section]) - set(theirs[section]))
        only_theirs = sorted(set(theirs[section]) - set(ours[section]))
        if only_ours or only_theirs:
            result[section] = (only_ours, only_theirs)
    return result


def runc_spec(folder, root, changes):
    """The bundle that `runc spec` writes, its root folder replaced, then changed."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["runc", "spec", "--bundle", folder], check=True, timeout=DEADLINE)
    config = json.loads((folder / "config.json").read_text())
    return roots.write_bundle(folder, roots.change(config, {"root.path": os.fspath(root), **changes}))
