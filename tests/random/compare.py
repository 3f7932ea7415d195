"""Rows of texts from both systems, made comparable by the types that the generator knows."""

from decimal import Decimal, InvalidOperation

RELATIVE = 1e-9


def _integer(text):
    return text if "." not in text else str(int(Decimal(text)))


def _decimal(text):
    value = Decimal(text)
    return "0" if value == 0 else format(value.normalize(), "f")


def _double(text):
    return repr(float(text) + 0.0)  # -0.0 + 0.0 is 0.0.


def _time(text):
    text = text.replace("T", " ")
    return text.rstrip("0").rstrip(".") if "." in text else text


NORMAL = {"bool": lambda text: text[0].lower(), "int": _integer, "big": _integer, "dec": _decimal,
          "dbl": _double, "apx": _double, "str": str, "date": str, "ts": _time}


def normalize(rows, types):
    """Sorted; NULL is "\\N"."""
    functions = [NORMAL[t] for t in types]
    out = []
    for row in rows:
        if len(row) != len(functions):
            raise ValueError(f"{len(row)} fields, {len(functions)} columns")
        try:
            out.append(tuple("\\N" if field is None else function(field)
                             for function, field in zip(functions, row)))
        except (ValueError, InvalidOperation, IndexError) as fault:
            raise ValueError(f"{row}: {fault}") from fault
    out.sort()
    return out


def equal(left, right, types):
    """Of normalized rows; doubles may differ in the last digits."""
    if left == right:
        return True
    doubles = [i for i, t in enumerate(types) if t in ("dbl", "apx")]
    if len(left) != len(right) or not doubles:
        return False
    # Rounded, both sides come in one order but for values on an edge, which is rare enough.
    def key(row):
        return tuple(f"{float(f):.6g}" if i in doubles and f != "\\N" else f for i, f in enumerate(row))
    return all(_same(a, b, doubles) for a, b in zip(sorted(left, key=key), sorted(right, key=key)))


def _same(left, right, doubles):
    for i, (a, b) in enumerate(zip(left, right)):
        if a == b:
            continue
        if i not in doubles or "\\N" in (a, b):
            return False
        x, y = float(a), float(b)
        if abs(x - y) > RELATIVE * max(abs(x), abs(y), 1):
            return False
    return True


def difference(expected, actual, limit=8):
    """Lines `- row` that are missing and `+ row` that are too many."""
    lines = []
    for sign, ours, theirs in (("-", expected, actual), ("+", actual, expected)):
        rest = list(theirs)
        for row in ours:
            if row in rest:
                rest.remove(row)
            else:
                lines.append(f"{sign} {' | '.join(row)}")
    more = [f"… and {len(lines) - limit} more"] if len(lines) > limit else []
    return lines[:limit] + more
