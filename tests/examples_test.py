#!/usr/bin/env python3
"""Every script in sql-examples/ runs: those with a file in sql-examples/expected/ must print it, the
others must be valid.

    tests/examples_test.py MILLRACE_BINARY [--update]
"""

import difflib
import pathlib
import subprocess
import sys

CHECKOUT = pathlib.Path(__file__).resolve().parent.parent
TIMEOUT_SECONDS = 120


def check(binary, script, expected, update):
    """What is wrong with the script; nothing when all is well."""
    runs = expected.exists() or update
    command = [binary, "run", str(script), "-o", "table"] if runs else [
        binary, "validate", str(script)]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True,
                          timeout=TIMEOUT_SECONDS, check=False)
    if done.returncode != 0:
        return f"exit code {done.returncode}\n{done.stderr}"
    if update:
        expected.write_text(done.stdout, encoding="utf-8")
        return ""
    if not expected.exists():
        return ""
    return "\n".join(difflib.unified_diff(
        expected.read_text(encoding="utf-8").splitlines(), done.stdout.splitlines(),
        "expected", "printed", lineterm=""))


def main():
    if len(sys.argv) < 2:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    binary = str(pathlib.Path(sys.argv[1]).resolve())
    passed = failed = 0
    for script in sorted((CHECKOUT / "sql-examples").glob("*.sql")):
        endless = "-- Runs until it is stopped." in script.read_text(encoding="utf-8")
        expected = script.parent / "expected" / (script.stem + ".txt")
        fault = check(binary, script, expected, "--update" in sys.argv and not endless)
        if fault:
            print(f"{script.name}: {fault}")
        failed += bool(fault)
        passed += not fault
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
