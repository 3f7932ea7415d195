"""A failing case as the text of a .test file."""

import re
from decimal import Decimal

from tree import OURS


def test_text(case, failure, title):
    """Statements, inputs and the rows that PostgreSQL expects of the failing view."""
    blocks = [f"# {title}"]
    blocks.append("statement\n" + "\n".join(t.create(OURS) + ";" for t in case.tables))
    for number, round_ in enumerate(case.rounds):
        views = [v for v in case.views if v.round == number]
        if views:
            blocks.append("statement\n" + "\n".join(
                f"CREATE MATERIALIZED VIEW {v.name} AS {v.query.render(OURS)};" for v in views))
        for statement, step in round_.statements:
            blocks.append("statement\n" + statement.render(OURS) + ";")
            if step:
                blocks.append("step")
        blocks.append("drain")
    view = next((v for v in case.views if v.name == failure.view), None)
    if view is not None and failure.expected is not None:
        types = [t for _, t in view.columns()]
        rows = [" ".join(_field(f, t) for f, t in zip(row, types)) for row in failure.expected]
        blocks.append("\n".join([f"query sort\nSELECT * FROM {view.name}", "----"] + rows))
    return "\n\n".join(blocks) + "\n"


def _field(text, type_):
    if text == "\\N":
        return "NULL"
    if type_ == "dec":
        return str(Decimal(text).quantize(Decimal("0.01")))
    if type_ == "bool":
        return "TRUE" if text == "t" else "FALSE"
    if text == "":
        return "(empty)"
    if re.search(r"[\s'#]", text) or text in ("NULL", "(empty)"):
        return "'" + text.replace("'", "''") + "'"
    return text


def settings_text(case):
    """How the engine was run, where that matters."""
    rounds = [f"round {i}: " + ", ".join(
        part for part in (f"checkpoint {r.checkpoint}" if r.checkpoint else "",
                          f"crash {r.crash} to {r.restart}" if r.crash else "") if part)
              for i, r in enumerate(case.rounds) if r.crash or r.checkpoint]
    return (f"partitions {case.partitions}, batch rows {case.batch_rows}, step rows {case.step_rows}"
            + "".join("; " + r for r in rounds))
