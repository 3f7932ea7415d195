"""Joins within bounds of time: b.time between a.time + low and a.time + high; milliseconds. If `residual`,
a's value must be less than b's, too."""


class Row:
    def __init__(self, key, value, time, last):
        self.key, self.value, self.time = key, value, time
        self.last = last  # The last time that a partner can have.
        self.met = False
        self.is_new = True


class IntervalJoin:
    """Kinds: INNER, LEFT, RIGHT, FULL; SEMI and ANTI, whose rows are those of a."""

    def __init__(self, kind, low, high, residual=False):
        self.kind, self.low, self.high, self.residual = kind, low, high, residual
        self.a, self.b, self.out = [], [], []
        self.late = 0

    def step(self, a_rows, b_rows, before, after):
        self.a += self.arrive(a_rows, self.high, ("LEFT", "FULL", "ANTI"), self.alone_a)
        self.b += self.arrive(b_rows, -self.low, ("RIGHT", "FULL"), self.alone_b)
        for a in self.a:
            for b in self.b:
                if (a.is_new or b.is_new) and self.meet(a, b):
                    self.pair(a, b)
        self.a = self.leave(self.a, ("LEFT", "FULL", "ANTI"), self.alone_a, before, after)
        self.b = self.leave(self.b, ("RIGHT", "FULL"), self.alone_b, before, after)

    def meet(self, a, b):
        fits = self.low <= b.time - a.time <= self.high
        if not fits or a.key != b.key:
            return False
        known = a.value is not None and b.value is not None
        return not self.residual or (known and a.value < b.value)

    def pair(self, a, b):
        if self.kind == "SEMI" and not a.met:
            self.out.append((a.key, a.value, a.time))
        if self.kind not in ("SEMI", "ANTI"):
            self.out.append((a.key, a.value, a.time, b.key, b.value, b.time))
        a.met = b.met = True

    def arrive(self, rows, reach, kinds, alone):
        """A row without a key has no partner, whatever comes."""
        found = [Row(key, value, time, time + reach) for key, value, time in rows]
        if self.kind in kinds:
            self.out += [alone(row) for row in found if row.key is None]
        return [row for row in found if row.key is not None]

    def leave(self, rows, kinds, alone, before, after):
        """Those for which no partner can come any more go."""
        for row in rows:
            row.is_new = False
            if row.last > after or row.met:
                continue
            if max(row.last, row.time) <= before:
                self.late += 1
            elif self.kind in kinds:
                self.out.append(alone(row))
        return [row for row in rows if row.last > after]

    def alone_a(self, row):
        return (row.key, row.value, row.time) + (() if self.kind == "ANTI" else (None,) * 3)

    def alone_b(self, row):
        return (None,) * 3 + (row.key, row.value, row.time)

    def rows(self):
        return self.out
