"""The rows of each window whose RANK by x, the greatest first, is at most n."""

import collections

from watermarks import NONE_YET
from windows import windows_of


class WindowTopN:
    """`closes`: results come when the window is over. A row is late when all its windows are over."""

    def __init__(self, shape, n, closes):
        self.shape, self.n, self.closes = shape, n, closes
        self.windows = collections.defaultdict(list)
        self.late = 0
        self.watermark = NONE_YET

    def step(self, rows, before, after):
        for row in rows:
            still_open = [window for window in windows_of(row[2], *self.shape) if window[1] - 1 > before]
            self.late += not still_open
            for window in still_open:
                self.windows[window].append(row)
        self.watermark = after

    def rows(self):
        out = []
        for (_, end), rows in self.windows.items():
            if self.closes and end - 1 > self.watermark:
                continue
            for row in rows:
                rank = 1 + sum(greater(other[1], row[1]) for other in rows)
                if rank <= self.n:
                    out.append(row + (end, rank))
        return out


def greater(a, b):
    """NULL is less than all."""
    return a is not None and (b is None or a > b)
