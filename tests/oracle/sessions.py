"""Aggregates over sessions; times in milliseconds."""



class Sessions:
    """`closes`: results come when the session is over."""

    def __init__(self, gap, closes):
        self.gap, self.closes = gap, closes
        self.open, self.closed = [], []  # Lists of rows (k, x, time) in the order of time.
        self.late = 0

    def merged(self, rows):
        found = []
        for row in sorted(rows, key=lambda row: (row[0] is not None, row[0] or "", row[2])):
            last = found[-1][-1] if found else None
            if last and last[0] == row[0] and row[2] - last[2] <= self.gap:
                found[-1].append(row)
            else:
                found.append([row])
        return found

    def is_over(self, session, watermark):
        return session[-1][2] + self.gap - 1 <= watermark

    def step(self, rows, before, after):
        kept = []
        for session in self.merged([row for session in self.open for row in session] + rows):
            if self.is_over(session, before):
                self.late += len(session)
            else:
                kept.append(session)
        self.closed += [session for session in kept if self.is_over(session, after)]
        self.open = [session for session in kept if not self.is_over(session, after)]

    def rows(self):
        out = []
        for session in self.closed + ([] if self.closes else self.open):
            values = [x for _, x, _ in session if x is not None]
            some = (sum(values), max(values)) if values else (None, None)
            out.append((session[0][0], session[0][2], session[-1][2] + self.gap, len(session)) +
                       some + (len(set(values)),))
        return out
