"""MATCH_RECOGNIZE over the rows of one partition, by trying everything."""

import sys

sys.setrecursionlimit(100_000)


class Variable:
    """`takes(rows)`: whether the last of rows, a list of (variable, row) from the match's first row
    on, may be a row of this variable, as which it stands there."""

    def __init__(self, name, least=1, most=1, takes=None, reluctant=False):
        self.name, self.least, self.most = name, least, most
        self.takes = takes or (lambda rows: True)
        self.reluctant = reluctant


def of(name, rows):
    """The rows of a variable."""
    return [row for variable, row in rows if variable == name]


class Undecided(Exception):
    """It depends on rows that may still come."""


def first_match(rows, start, pattern, fits, over):
    """The preferred match that begins at `start`: a list of (variable, row), or None."""

    def extend(taken, index, count):
        if index == len(pattern):
            return taken
        variable = pattern[index]

        def take():
            at = start + len(taken)
            if variable.most is not None and count == variable.most:
                return None
            if at == len(rows):
                if not over(rows[start]):
                    raise Undecided
                return None
            more = taken + [(variable.name, rows[at])]
            if not fits(rows[start], rows[at]) or not variable.takes(more):
                return None
            return extend(more, index, count + 1)

        def leave():
            return extend(taken, index + 1, 0) if count >= variable.least else None

        choices = [leave, take] if variable.reluctant else [take, leave]
        return choices[0]() or choices[1]()

    return extend([], 0, 0) or None


def matches(rows, pattern, skip="past last row", skip_to=None, fits=lambda first, row: True,
            over=lambda first: True):
    """All matches, and the matches that AFTER MATCH makes errors. `fits(first, row)`: WITHIN.
    `over(first)`: whether no row can come that a match from `first` on could take."""
    found, errors, start = [], [], 0
    while start < len(rows):
        try:
            match = first_match(rows, start, pattern, fits, over)
        except Undecided:
            break
        if match is None:
            start += 1
            continue
        step = len(match)
        if skip == "to next row":
            step = 1
        elif skip in ("to first", "to last"):
            places = [i for i, (name, _) in enumerate(match) if name == skip_to]
            step = (places or [0])[0 if skip == "to first" else -1]
        if step == 0:
            errors.append(match)
            step = 1
        else:
            found.append(match)
        start += step
    return found, errors
