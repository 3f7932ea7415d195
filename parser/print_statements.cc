#include <string>

#include "parser/sql_writer.h"

namespace millrace {

void SqlWriter::Write(const ast::Statement& statement) {
  std::visit([this](const auto& node) { Node(node); }, statement.node);
}

void SqlWriter::Node(const ast::QueryStatement& statement) { Write(*statement.query); }

void SqlWriter::Node(const ast::Insert& insert) {
  Add(insert.overwrite ? "INSERT OVERWRITE " : "INSERT INTO ");
  Write(insert.target);
  Hints(insert.hints);
  Partition(insert.partition);
  Names(insert.columns);
  Add(" ");
  Write(*insert.query);
  if (insert.on_conflict) Add(" ON CONFLICT DO ").Add(*insert.on_conflict);
}

void SqlWriter::Partition(const ast::PartitionSpec& spec) {
  if (spec.empty()) return;
  Add(" PARTITION (");
  List(spec, [this](const ast::PartitionItem& item) {
    Write(item.column);
    if (item.value == nullptr) return;
    Add(" = ");
    Write(*item.value);
  });
  Add(")");
}

void SqlWriter::Node(const ast::Update& update) {
  Add("UPDATE ");
  Write(update.table);
  if (update.alias) {
    Add(" AS ");
    Write(*update.alias);
  }
  Add(" SET ");
  List(update.assignments, [this](const ast::Assignment& assignment) {
    Write(assignment.column);
    Add(" = ");
    Write(*assignment.value);
  });
  if (update.where == nullptr) return;
  Add(" WHERE ");
  Write(*update.where);
}

void SqlWriter::Node(const ast::Delete& removal) {
  Add("DELETE FROM ");
  Write(removal.table);
  if (removal.alias) {
    Add(" AS ");
    Write(*removal.alias);
  }
  if (removal.where == nullptr) return;
  Add(" WHERE ");
  Write(*removal.where);
}

void SqlWriter::Node(const ast::Truncate& truncate) {
  Add("TRUNCATE TABLE ");
  Write(truncate.table);
}

void SqlWriter::Node(const ast::StatementSet& set) {
  Add("EXECUTE STATEMENT SET BEGIN ");
  for (const ast::Statement& statement : set.statements) {
    Write(statement);
    Add("; ");
  }
  Add("END");
}

void SqlWriter::Node(const ast::Explain& explain) {
  Add("EXPLAIN ").AddIf(explain.plan_for, "PLAN FOR ");
  List(explain.details, [this](const std::string& detail) { Add(detail); });
  AddIf(!explain.details.empty(), " ");
  Write(*explain.statement);
}

void SqlWriter::Node(const ast::Show& show) {
  const bool of_table = show.what == "PARTITIONS";
  Add("SHOW ").Add(show.what);
  if (show.scope) {
    Add(of_table ? " " : " FROM ");
    Write(*show.scope);
  }
  if (show.like) {
    AddIf(show.like->negated, " NOT");
    Add(show.like->kind == ast::LikeKind::kIlike ? " ILIKE " : " LIKE ");
    String(show.like->pattern);
  }
  Partition(show.partition);
  With(show.options);
}

void SqlWriter::Node(const ast::ShowCreate& show) {
  Add("SHOW CREATE ").AddIf(show.or_alter, "OR ALTER ").Add(ast::NameOf(show.kind)).Add(" ");
  Write(show.name);
}

void SqlWriter::Node(const ast::Describe& describe) {
  Add("DESCRIBE ");
  if (describe.kind == ast::ObjectKind::kJob) {
    Add("JOB ");
    String(describe.name.parts[0].text);
    return;
  }
  if (describe.kind != ast::ObjectKind::kTable) Add(ast::NameOf(describe.kind)).Add(" ");
  AddIf(describe.extended, "EXTENDED ");
  Write(describe.name);
}

void SqlWriter::Node(const ast::Set& set) {
  Add("SET");
  if (!set.option) return;
  Add(" ");
  String(set.option->key);
  Add(" = ");
  String(set.option->value);
}

void SqlWriter::Node(const ast::Reset& reset) {
  Add("RESET");
  if (!reset.key) return;
  Add(" ");
  String(reset.key->key);
}

void SqlWriter::Node(const ast::Use& use) {
  Add("USE ").AddIf(use.kind == ast::UseKind::kCatalog, "CATALOG ");
  if (use.kind != ast::UseKind::kModules) return Write(use.name);
  Add("MODULES ");
  List(use.modules, [this](const ast::Name& module) { Write(module); });
}

void SqlWriter::Node(const ast::JobControl& control) {
  constexpr std::string_view kNames[] = {"STOP JOB ", "PAUSE ", "RESUME ", "TERMINATE "};
  Add(kNames[static_cast<size_t>(control.action)]);
  control.job ? String(control.job->text) : static_cast<void>(Add("ALL"));
  AddIf(control.savepoint, " WITH SAVEPOINT").AddIf(control.drain, " WITH DRAIN");
}

void SqlWriter::Node(const ast::Flush&) { Add("FLUSH"); }

void SqlWriter::Node(const ast::Print& print) {
  Add("PRINT ");
  String(print.topic);
  AddIf(print.from_beginning, " FROM BEGINNING");
  if (print.interval) Add(" INTERVAL ").Add(std::to_string(*print.interval));
  if (print.limit) Add(" LIMIT ").Add(std::to_string(*print.limit));
  With(print.options);
}

void SqlWriter::Node(const ast::Subscribe& subscribe) {
  Add("SUBSCRIBE TO ");
  if (subscribe.object) {
    Write(*subscribe.object);
  } else {
    Add("(");
    Write(*subscribe.query);
    Add(")");
  }
  if (subscribe.envelope != ast::EnvelopeKind::kNone) {
    const bool upsert = subscribe.envelope == ast::EnvelopeKind::kUpsert;
    Add(upsert ? " ENVELOPE UPSERT (KEY" : " ENVELOPE DEBEZIUM (KEY");
    Names(subscribe.key);
    Add(")");
  }
  OrderBy(" WITHIN TIMESTAMP ", subscribe.order_by);
  With(subscribe.options);
  if (subscribe.as_of != nullptr) {
    Add(subscribe.at_least ? " AS OF AT LEAST " : " AS OF ");
    Write(*subscribe.as_of);
  }
  if (subscribe.up_to == nullptr) return;
  Add(" UP TO ");
  Write(*subscribe.up_to);
}

void SqlWriter::Node(const ast::DeclareCursor& cursor) {
  Add("DECLARE ");
  Write(cursor.name);
  Add(" SUBSCRIPTION CURSOR FOR ");
  Write(cursor.subscription);
  AddIf(cursor.full, " FULL");
  if (cursor.since == nullptr) return;
  Add(" SINCE ");
  Write(*cursor.since);
}

void SqlWriter::Node(const ast::FetchCursor& fetch) {
  Add("FETCH ").Add(fetch.count ? std::to_string(*fetch.count) : "NEXT").Add(" FROM ");
  Write(fetch.cursor);
  With(fetch.options);
}

void SqlWriter::Node(const ast::CloseCursor& close) {
  Add("CLOSE ");
  Write(close.cursor);
}

void SqlWriter::Node(const ast::Unsupported& unsupported) { Add(unsupported.text); }

}  // namespace millrace
