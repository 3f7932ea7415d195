#!/usr/bin/env python3
"""Checks the house rules that a compiler does not: who may include whom, who owns which third-party
header, #pragma once, types defined twice, and words that must not stay in the tree.

    tests/layering.py [ROOT]
"""

import pathlib
import re
import sys

# The ladder: a folder includes itself and folders with a lower number. Siblings never.
LADDER = {
    "base": 1,
    "types": 2,
    "functions": 3, "grammar": 3,
    "parser": 4, "connectors": 4,
    "planner": 5, "state": 5,
    "executor": 6,
    "server": 7,
    "shell": 8,
}

# Third-party headers and the files that may include them.
OWNERS = [
    (r"antlr4-runtime\.h|Millrace(Lexer|Parser)\w*\.h", r"parser/.*"),
    (r"leveldb/.*", r"state/.*"),
    (r"(librdkafka/)?rdkafka.*", r"(connectors|bench)/kafka_\w+\.cc|tests/kafka/\w+\.cc"),
    (r"simdjson\.h", r"connectors/json_\w+\.cc|bench/kernel_\w+\.cc"),
    (r"httplib\.h", r"server/http_server\.cc|connectors/http_client\.cc|shell/.*"),
    (r"nlohmann/json\.hpp", r"(server|shell)/\w+\.cc"),
    (r"CLI/.*", r"shell/.*"),
    (r"boost/test/.*", r"tests/.*"),
]

# Written in pieces, so that this file passes its own check.
FORBIDDEN_WORDS = ["TO" "DO", "FIX" "ME", "XX" "X"]
TEXT_SUFFIXES = {".cc", ".h", ".g4", ".py", ".md", ".txt", ".sql", ".test", ".cmake", ".json",
                 ".html", ".css", ".js", ""}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^">]+)[">]')


def include_faults(path, text):
    """Yields a line for each #include of `path` (relative, posix) that breaks the ladder."""
    folder = path.split("/")[0]
    for number, line in enumerate(text.splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        quote, header = match.groups()
        where = f"{path}:{number}"
        target = header.split("/")[0] if "/" in header else None
        if quote == '"' and folder in LADDER:
            if target in LADDER:
                if target != folder and LADDER[target] >= LADDER[folder]:
                    yield f"{where}: {folder} may not include {header}"
            elif target is None and not re.fullmatch(OWNERS[0][0], header):
                yield f"{where}: \"{header}\" is not a path from the root of the tree"
        for pattern, owners in OWNERS:
            if re.fullmatch(pattern, header) and not re.fullmatch(owners, path):
                yield f"{where}: {header} belongs to {owners}"


def word_faults(path, text):
    for number, line in enumerate(text.splitlines(), 1):
        if path.endswith((".cc", ".h")):
            line = re.sub(r'"[^"]*"', '""', line)  # Data may say what it likes.
        for word in FORBIDDEN_WORDS:
            if re.search(rf"\b{word}\b", line):
                yield f"{path}:{number}: {word}"


def types_of(text):
    """The structs and classes that a header defines, with their namespaces."""
    namespaces = []
    for line in text.splitlines():
        if match := re.match(r"namespace ([\w:]+) \{", line):
            namespaces.append(match.group(1))
        elif re.match(r"\}\s+// namespace", line):
            namespaces.pop()
        elif match := re.match(r"(?:struct|class) (\w+)\b(?!::)[^;]*$", line):
            yield "::".join([*namespaces, match.group(1)])


class Definitions:
    """Of a type that two headers define, the linker takes one for both."""

    def __init__(self):
        self.found = {}

    def faults_of(self, path, text):
        if path.split("/")[0] not in LADDER or not path.endswith(".h"):
            return
        for name in types_of(text):
            other = self.found.setdefault(name, path)
            if other != path:
                yield f"{path}: {name} is defined in {other}, too"


def faults_of(path, text):
    if path.endswith((".cc", ".h")):
        yield from include_faults(path, text)
    if path.endswith(".h") and "#pragma once" not in text:
        yield f"{path}: no #pragma once"
    yield from word_faults(path, text)


def files_of(root):
    skipped = {".git", "build", "data", "__pycache__", "node_modules"}
    for path in sorted(root.rglob("*")):
        relative = path.relative_to(root)
        # Only the top folder data/ holds a server's files.
        if relative.parts[0] in skipped or "__pycache__" in relative.parts or not path.is_file():
            continue
        if path.suffix in TEXT_SUFFIXES:
            yield relative.as_posix(), path


def check_itself():
    """What the rules must refuse and must let pass."""
    cases = [
        ("types/a.h", '#pragma once\n#include "base/error.h"\n', 0),
        ("types/a.h", '#include "base/error.h"\n', 1),
        ("base/a.cc", '#include "types/type.h"\n', 1),
        ("state/a.cc", '#include "planner/plan.h"\n', 1),
        ("parser/a.cc", '#include "MillraceParser.h"\n#include <antlr4-runtime.h>\n', 0),
        ("planner/a.cc", "#include <antlr4-runtime.h>\n", 1),
        ("executor/a.cc", "#include <leveldb/db.h>\n", 1),
        ("connectors/csv_decoder.cc", "#include <simdjson.h>\n", 1),
        ("server/api.h", "#pragma once\n#include <nlohmann/json.hpp>\n", 1),
        ("server/api.cc", "#include <nlohmann/json.hpp>\n", 0),
        ("server/api.cc", "#include <httplib.h>\n", 1),
        ("base/a.cc", '#include "error.h"\n', 1),
        ("docs/a.md", "TO" "DO: write\n", 1),
        ("base/a.cc", '// FIX' 'ME: soon\nf("XX' 'X");\n', 1),
    ]
    for path, text, expected in cases:
        found = list(faults_of(path, text))
        assert len(found) == expected, (path, text, found)
    definitions = Definitions()
    row = "namespace a {\nstruct Row {\n};\nclass Other;\nstruct Row::Part {\n};\n}  // namespace a\n"
    assert not list(definitions.faults_of("types/a.h", row))
    assert not list(definitions.faults_of("types/b.h", row.replace("a {", "b {")))
    assert len(list(definitions.faults_of("server/c.h", row))) == 1


def main():
    check_itself()
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else __file__).resolve()
    if root.is_file():
        root = root.parent.parent
    passed = failed = 0
    definitions = Definitions()
    for name, path in files_of(root):
        text = path.read_text(encoding="utf-8", errors="replace")
        faults = [*faults_of(name, text), *definitions.faults_of(name, text)]
        for fault in faults:
            print(fault)
        failed += bool(faults)
        passed += not faults
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
