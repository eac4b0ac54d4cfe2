#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Licence lines, lengths, words that have no place in the tree, and calls that the house does not make."""
import re

import tree

SPDX = "SPDX-License-Identifier: Apache-2.0"
SPDX_SUFFIXES = {".c", ".h", ".py", ".sh", ".build", ".sym"}
TEXT_SUFFIXES = SPDX_SUFFIXES | {".md", ".txt", ".scd", ".json", ".service", ".socket", ".xml", ".ini"}
LENGTH_MAX = 500

# Written so that this file does not find itself.
WORDS = [
    (re.compile(r"\b(TO[D]O|FIX[M]E|X[X]X|HA[C]K)\b"), "finish it, or leave it out"),
    (re.compile(r"(?<![\w.}/-])/(wor[k]|ho[m]e/\w+|ro[o]t/\w+)/"), "a path of one machine"),
]

# A call, what to do instead, and who may make it all the same: "main" means main.c and all tests.
CALLS = [
    (r"goto\s+\w+\s*;", "no goto: _cleanup_ attributes", None),
    (r"alloca\s*\(", "no alloca", None),
    (r"(?:strcat|sprintf|vsprintf|gets)\s*\(", "an unbounded copy", None),
    (r"(?:system|popen)\s*\(", "no shell", None),
    (r"(?:kill|killpg|tgkill|tkill)\s*\(", "signals go by pidfd: pidref_kill()", None),
    (r"(?:sleep|usleep|nanosleep)\s*\(", "wait for an event with a deadline", "tests/bench"),
    (r"(?:uv_fs_\w+|uv_spawn|uv_queue_work|uv_getaddrinfo|getaddrinfo)\s*\(", "no blocking call, no thread pool", None),
    (r"(?:exit|quick_exit)\s*\(", "exit() is main.c's", "main"),
]
CALLS = [(re.compile(r"(?<![\w.>\"])" + pattern), text, who) for pattern, text, who in CALLS]

COMMENT_OR_TEXT = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'|//[^\n]*|/\*.*?\*/', re.DOTALL)


def code_lines(text):
    """The lines of a C file with comments and the insides of strings blanked out."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match.group())
    return COMMENT_OR_TEXT.sub(blank, text).split("\n")


def is_script(top, path):
    with open(top / path, "rb") as file:
        return file.read(2) == b"#!"


def is_exempt(path, who):
    if who == "main":
        return tree.is_test(path) or path.name == "main.c"
    return who is not None and str(path).startswith(who + "/")


def lint_c(top, path):
    text = (top / path).read_text(errors="replace")
    for number, line in enumerate(code_lines(text), 1):
        for pattern, advice, who in CALLS:
            match = pattern.search(line)
            if match and not is_exempt(path, who):
                yield path, number, f"{match.group().strip()}: {advice}"


def lint(top, _):
    for path in tree.files(top):
        script = not path.suffix and is_script(top, path)
        lines = tree.lines(top, path) if script or path.suffix in TEXT_SUFFIXES or path.name == "Makefile" else []
        needs_spdx = script or path.suffix in SPDX_SUFFIXES or path.name == "Makefile"
        if needs_spdx and not any(SPDX in line for line in lines[:3]):
            yield path, 1, f"no {SPDX}"
        for number, line in enumerate(lines, 1):
            for pattern, advice in WORDS:
                match = pattern.search(line)
                if match:
                    yield path, number, f"{match.group()}: {advice}"
        if path.suffix == ".c" and len(lines) > LENGTH_MAX:
            yield path, len(lines), f"over {LENGTH_MAX} lines"
        if path.suffix in (".c", ".h"):
            yield from lint_c(top, path)


if __name__ == "__main__":
    tree.main(lint)
