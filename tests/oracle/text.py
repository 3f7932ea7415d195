"""Values as the engine's driver tells and takes them."""

import datetime
import functools
from decimal import Decimal

EPOCH = datetime.datetime(1970, 1, 1)
MILLISECOND = datetime.timedelta(milliseconds=1)


@functools.cache
def millis(text):
    """Of a TIMESTAMP."""
    return (datetime.datetime.fromisoformat(text.replace("T", " ")) - EPOCH) // MILLISECOND


def timestamp(time):
    """Of milliseconds."""
    return (EPOCH + time * MILLISECOND).isoformat(" ", "milliseconds")


def reader(type_):
    """What makes a value of a field's text."""
    if type_.startswith("TIMESTAMP"):
        return millis
    if type_.startswith("DECIMAL"):
        return Decimal
    return int if type_.startswith(("BIGINT", "INTEGER")) else str


def rows_of(engine, sql):
    """The answer to a query: rows of values."""
    engine.send("query", sql)
    types, rows = engine.receive_typed_rows()
    readers = [reader(type_) for type_ in types]
    return [tuple(None if field is None else read(field) for read, field in zip(readers, row))
            for row in rows]
