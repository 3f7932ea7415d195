"""Aggregates over TUMBLE, HOP and CUMULATE windows; times in milliseconds."""

import collections

from watermarks import NONE_YET


def windows_of(time, kind, size, slide, offset):
    """The (start, end) of the windows that a time is in."""
    if kind == "CUMULATE":
        start = time - (time - offset) % size
        ends = range(start + slide, start + size + 1, slide)
        return [(start, end) for end in ends if end > time]
    if kind == "TUMBLE":
        slide = size
    start = time - (time - offset) % slide
    found = []
    while start + size > time:
        found.append((start, start + size))
        start -= slide
    return found


class Windows:
    """`wait`: how long behind its end a window takes rows. `closes`: results come when it is over."""

    def __init__(self, kind, size, slide, offset, wait, closes):
        self.shape = kind, size, slide, offset
        self.wait, self.closes = wait, closes
        self.groups = collections.defaultdict(list)
        self.late = 0
        self.watermark = NONE_YET

    def is_over(self, end, watermark):
        return end - 1 + self.wait <= watermark

    def step(self, rows, before, after):
        """Rows (k, x, time); the watermark when the step begins, and when it ends."""
        for k, x, time in rows:
            taken = [window for window in windows_of(time, *self.shape)
                     if not self.is_over(window[1], before)]
            for window in taken:
                self.groups[k, window].append(x)
            self.late += not taken
        self.watermark = after

    def rows(self):
        out = []
        for (k, (start, end)), all_values in self.groups.items():
            if not all_values or (self.closes and not self.is_over(end, self.watermark)):
                continue
            values = [x for x in all_values if x is not None]
            some = (sum(values), min(values), max(values)) if values else (None,) * 3
            out.append((k, start, end, len(all_values)) + some + (len(set(values)),))
        return out


class WindowsOfKeyed(Windows):
    """Of a table with the key k, whose rows replace each other; groups are the windows alone. Windows
    that are over keep the old row. `late` is not counted."""

    def __init__(self, *settings):
        super().__init__(*settings)
        self.late = None
        self.table = {}

    def step(self, rows, before, after):
        for row in rows:
            old = self.table.get(row[0])
            if old == row:
                continue
            if old:
                for values in self.open_groups(old[2], before):
                    values.remove(old[1])
            for values in self.open_groups(row[2], before):
                values.append(row[1])
            self.table[row[0]] = row
        self.watermark = after

    def open_groups(self, time, before):
        return [self.groups["", window] for window in windows_of(time, *self.shape)
                if not self.is_over(window[1], before)]
