"""Watermarks, in milliseconds."""

import math

NONE_YET = -math.inf


class Watermarks:
    """Of operators over some tables; before the first row of one there is none. After `timeout` without
    a row a table holds no time back; of silent tables alone the furthest one counts."""

    def __init__(self, delays, timeout=math.inf):
        self.delays = delays  # {table: milliseconds}
        self.timeout, self.clock = timeout, 0
        self.of_table, self.of_tables = {}, {}
        self.moved = {table: 0 for table in delays}  # When it had a row last.

    def step(self, times, seconds):
        """`times`: {table: the times of the step's rows}; `seconds`: since the step before."""
        self.clock += seconds
        for table, some in times.items():
            if some:
                mark = max(some) - self.delays[table]
                self.of_table[table] = max(self.mark(table), mark)
                self.moved[table] = self.clock

    def mark(self, table):
        return self.of_table.get(table, NONE_YET)

    def over(self, tables):
        """What an operator over these tables has; it never goes back."""
        active = [table for table in tables if self.clock - self.moved[table] < self.timeout]
        mark = min(map(self.mark, active)) if active else max(map(self.mark, tables))
        self.of_tables[tables] = max(self.of_tables.get(tables, NONE_YET), mark)
        return self.of_tables[tables]
