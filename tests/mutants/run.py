#!/usr/bin/env python3
"""Applies each seeded fault of mutants.py to a copy of the tree, one at a time, and demands that the
SQL tests fail.

    tests/mutants/run.py [--work DIR] [--only NAME]... [--jobs N]
    tests/mutants/run.py --check

By hand only: every mutant is a build. With --work the copy and its build are kept for the next run.
--check says only whether the source still has the places that mutants change.
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from mutants import MUTANTS

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SKIPPED = {".git", "build", "data", "__pycache__"}
CELLS = "12"  # Of the matrix: half of them crash.
TEST_SECONDS = 300  # A mutant that hangs is noticed too.


def copy_tree(target):
    """Brings `target` up to the tree; files that are equal keep their time, so builds stay short."""
    kept = set()
    for source in ROOT.rglob("*"):
        relative = source.relative_to(ROOT)
        if relative.parts[0] in SKIPPED or "__pycache__" in relative.parts or not source.is_file():
            continue
        kept.add(relative)
        copy = target / relative
        if copy.exists() and copy.read_bytes() == source.read_bytes():
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, copy)
    for copy in list(target.rglob("*")):
        relative = copy.relative_to(target)
        if relative.parts[0] not in SKIPPED and copy.is_file() and relative not in kept:
            copy.unlink()


def build(target, jobs):
    """Returns the compiler's words if it fails."""
    if not (target / "build/dev/build.ninja").exists():
        made = subprocess.run(["cmake", "--preset", "dev"], cwd=target, capture_output=True, text=True)
        if made.returncode != 0:
            return made.stdout + made.stderr
    made = subprocess.run(["ninja", "-C", "build/dev", f"-j{jobs}", "sql_runner"], cwd=target,
                          capture_output=True, text=True)
    return made.stdout if made.returncode != 0 else None


def run_tests(target):
    """Returns whether the tests passed, and their closing line."""
    try:
        run = subprocess.run(["build/dev/tests/sql_runner", "tests/sql"], cwd=target, text=True,
                             capture_output=True, timeout=TEST_SECONDS,
                             env={**os.environ, "MILLRACE_TEST_CELLS": CELLS})
    except subprocess.TimeoutExpired:
        return False, f"no end after {TEST_SECONDS} s"
    last = run.stdout.strip().splitlines()[-1:] or [""]
    if run.returncode < 0:
        last = [f"ended by signal {-run.returncode}"]
    return run.returncode == 0, last[0]


def apply(target, edits):
    """Returns the old contents by file; raises ValueError where a text is not there once."""
    old = {}
    try:
        for name, text, replacement in edits:
            path = target / name
            content = path.read_text()
            if content.count(text) != 1:
                raise ValueError(f"{name} has {content.count(text)} times: {text.strip()}")
            old.setdefault(path, content)
            path.write_text(content.replace(text, replacement))
    except ValueError:
        undo(old)
        raise
    return old


def undo(old):
    for path, content in old.items():
        path.write_text(content)


def check_mutant(target, edits, jobs):
    """Returns (good, what happened)."""
    try:
        old = apply(target, edits)
    except ValueError as error:
        return False, f"does not apply: {error}"
    try:
        complaint = build(target, jobs)
        if complaint:
            return False, f"does not build:\n{complaint}"
        passed, line = run_tests(target)
        return not passed, ("SURVIVED: " if passed else "") + line
    finally:
        undo(old)


def check_places():
    lost = [f"{name}: {file}" for name, edits in MUTANTS for file, text, _ in edits
            if (ROOT / file).read_text().count(text) != 1]
    for place in lost:
        print("not there, or more than once:", place)
    print(f"mutants: {len(MUTANTS)} looked at, {len(lost)} failed")
    return 1 if lost else 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", help="keep the copy and its build here")
    parser.add_argument("--only", action="append", default=[], help="the name of a mutant")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    if arguments.check:
        return check_places()
    unknown = set(arguments.only) - {name for name, _ in MUTANTS}
    if unknown:
        parser.error(f"no such mutant: {', '.join(sorted(unknown))}")
    scratch = None if arguments.work else tempfile.TemporaryDirectory(prefix="millrace-mutants-")
    target = pathlib.Path(arguments.work or scratch.name).resolve()
    target.mkdir(parents=True, exist_ok=True)
    copy_tree(target)
    complaint = build(target, arguments.jobs)
    if complaint:
        print(complaint)
        return 1
    passed, line = run_tests(target)
    if not passed:
        print(f"the tests fail without any mutant: {line}")
        return 1
    good = bad = 0
    for name, edits in MUTANTS:
        if arguments.only and name not in arguments.only:
            continue
        killed, what = check_mutant(target, edits, arguments.jobs)
        good += killed
        bad += not killed
        print(f"{'killed' if killed else 'FAILED'} {name}: {what}", flush=True)
    print(f"mutants: {good} passed, {bad} failed")
    return 1 if bad or not good else 0


if __name__ == "__main__":
    sys.exit(main())
