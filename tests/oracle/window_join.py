"""Joins of the rows of the same windows."""

from windows import windows_of


class WindowJoin:
    """Kinds as of IntervalJoin. A row is late for each of its windows that is over."""

    def __init__(self, kind, shape):
        self.kind, self.shape = kind, shape
        self.a, self.b, self.out = [], [], []  # (key, value, time, window)
        self.met = set()  # Ids of those with a partner,
        self.ever = []    # which stay those of one row because all are held.
        self.late = 0

    def step(self, a_rows, b_rows, before, after):
        new = (self.arrive(a_rows, before, ("LEFT", "FULL", "ANTI"), self.alone_a),
               self.arrive(b_rows, before, ("RIGHT", "FULL"), self.alone_b))
        self.a += new[0]
        self.b += new[1]
        self.ever += new
        fresh = {id(row) for rows in new for row in rows}
        for a in self.a:
            for b in self.b:
                is_pair = a[0] == b[0] and a[3] == b[3]
                if is_pair and (id(a) in fresh or id(b) in fresh):
                    self.pair(a, b)
        for rows, kinds, alone in ((self.a, ("LEFT", "FULL", "ANTI"), self.alone_a),
                                   (self.b, ("RIGHT", "FULL"), self.alone_b)):
            for row in [row for row in rows if row[3][1] - 1 <= after]:
                if id(row) not in self.met and self.kind in kinds:
                    self.out.append(alone(row))
        self.a = [row for row in self.a if row[3][1] - 1 > after]
        self.b = [row for row in self.b if row[3][1] - 1 > after]

    def arrive(self, rows, before, kinds, alone):
        """A row without a key has no partner, whatever comes."""
        found = []
        for row in rows:
            taken = [row + (window,) for window in windows_of(row[2], *self.shape)
                     if window[1] - 1 > before]
            self.late += len(windows_of(row[2], *self.shape)) - len(taken)
            if row[0] is not None:
                found += taken
            elif self.kind in kinds:
                self.out += map(alone, taken)
        return found

    def pair(self, a, b):
        if self.kind == "SEMI" and id(a) not in self.met:
            self.out.append(self.shown(a))
        if self.kind not in ("SEMI", "ANTI"):
            self.out.append(self.shown(a) + self.shown(b))
        self.met |= {id(a), id(b)}

    @staticmethod
    def shown(row):
        return row[:3] + (row[3][1],)

    def alone_a(self, row):
        return self.shown(row) + (() if self.kind == "ANTI" else (None,) * 4)

    def alone_b(self, row):
        return (None,) * 4 + self.shown(row)

    def rows(self):
        return self.out
