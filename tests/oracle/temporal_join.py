"""Joins as of an event time: each left row with its key's version of that time."""


class TemporalJoin:
    def __init__(self, outer):
        self.outer = outer
        self.versions = []  # (key, value, time) in the order of their coming.
        self.waiting, self.out = [], []
        self.late = 0

    def step(self, left_rows, versions, before, after):
        self.versions += versions
        for row in left_rows:
            if row[2] <= before:
                self.late += 1
            elif row[0] is None:
                self.out += [row + (None, None)] * self.outer
            else:
                self.waiting.append(row)
        for row in [row for row in self.waiting if row[2] <= after]:
            self.waiting.remove(row)
            version = self.version(row[0], row[2])
            if version or self.outer:
                self.out.append(row + (version[1:] if version else (None, None)))

    def version(self, key, time):
        """The last one not behind the time; of one time the one that came last."""
        best = None
        for version in self.versions:
            if version[0] == key and version[2] <= time and (not best or version[2] >= best[2]):
                best = version
        return best

    def rows(self):
        return self.out
