// ALTER, DROP, and statements about the session, the catalog and jobs.
#include <array>
#include <string>
#include <utility>

#include "parser/ast_builder.h"

namespace millrace {
namespace {

using P = grammar::MillraceParser;

constexpr std::array kObjectKinds = {ast::ObjectKind::kTable,
                                     ast::ObjectKind::kView,
                                     ast::ObjectKind::kMaterializedView,
                                     ast::ObjectKind::kMaterializedTable,
                                     ast::ObjectKind::kFunction,
                                     ast::ObjectKind::kDatabase,
                                     ast::ObjectKind::kCatalog,
                                     ast::ObjectKind::kModel,
                                     ast::ObjectKind::kIndex,
                                     ast::ObjectKind::kSource,
                                     ast::ObjectKind::kSink,
                                     ast::ObjectKind::kSubscription,
                                     ast::ObjectKind::kJob};

}  // namespace

ast::ObjectKind AstBuilder::Kind(P::ObjectKindContext* ctx) const {
  const std::string words = Words(ctx);
  for (const ast::ObjectKind kind : kObjectKinds) {
    if (ast::NameOf(kind) == words) return kind;
  }
  Fail(ctx, "\"" + words + "\" is no kind of object");
}

ast::Drop AstBuilder::DropOf(P::DropStatementContext* ctx) const {
  ast::Drop drop;
  drop.kind = Kind(ctx->objectKind());
  drop.temporary = Has(ctx, P::K_TEMPORARY);
  drop.system = Has(ctx, P::K_SYSTEM);
  drop.if_exists = ctx->ifExists() != nullptr;
  drop.name = Qualified(ctx->qualifiedName());
  drop.cascade = Has(ctx, P::K_CASCADE);
  drop.restrict = Has(ctx, P::K_RESTRICT);
  return drop;
}

// ------------------------------------------------------------------------------------------ ALTER

ast::Alter AstBuilder::AlterOf(P::AlterStatementContext* ctx) {
  ast::Alter alter;
  const bool materialized = Has(ctx, P::K_MATERIALIZED);
  if (Has(ctx, P::K_TABLE)) {
    alter.kind = materialized ? ast::ObjectKind::kMaterializedTable : ast::ObjectKind::kTable;
  } else if (Has(ctx, P::K_VIEW)) {
    alter.kind = materialized ? ast::ObjectKind::kMaterializedView : ast::ObjectKind::kView;
  } else {
    alter.kind = Has(ctx, P::K_DATABASE)  ? ast::ObjectKind::kDatabase
                 : Has(ctx, P::K_CATALOG) ? ast::ObjectKind::kCatalog
                 : Has(ctx, P::K_SOURCE)  ? ast::ObjectKind::kSource
                 : Has(ctx, P::K_SINK)    ? ast::ObjectKind::kSink
                                          : ast::ObjectKind::kFunction;
  }
  alter.temporary = Has(ctx, P::K_TEMPORARY);
  alter.if_exists = ctx->ifExists() != nullptr;
  alter.name = Qualified(ctx->qualifiedName());
  FillAlter(ctx, &alter);
  return alter;
}

void AstBuilder::FillAlter(P::AlterStatementContext* ctx, ast::Alter* alter) {
  if (ctx->alterTableAction() != nullptr) {
    FillAlterTable(ctx->alterTableAction(), alter);
  } else if (ctx->renameTo() != nullptr) {
    alter->action = ast::RenameObject{Qualified(ctx->renameTo()->qualifiedName())};
  } else if (ctx->setOptions() != nullptr) {
    alter->action = ast::SetOptions{Options(ctx->setOptions()->optionList())};
  } else if (ctx->resetOptions() != nullptr) {
    alter->action = ResetKeys(ctx->resetOptions());
  } else if (ctx->comment() != nullptr) {
    alter->action = ast::SetComment{String(ctx->comment()->string())};
  } else if (ctx->query() != nullptr) {
    alter->action = ast::SetQuery{QueryOf(ctx->query())};
  } else {
    ast::SetFunction function;
    function.system = Has(ctx, P::K_SYSTEM);
    function.identifier = String(ctx->string());
    if (ctx->identifier() != nullptr) function.language = Word(ctx->identifier());
    alter->action = std::move(function);
  }
}

void AstBuilder::FillAlterTable(P::AlterTableActionContext* ctx, ast::Alter* alter) {
  if (!ctx->newPartition().empty()) {
    ast::AddPartitions add;
    add.if_not_exists = ctx->ifNotExists() != nullptr;
    for (auto* partition : ctx->newPartition()) {
      add.partitions.push_back(
          {Partition(partition->partitionSpec()), Options(partition->withOptions())});
    }
    alter->action = std::move(add);
  } else if (Has(ctx, P::K_ADD) || Has(ctx, P::K_MODIFY)) {
    alter->action = SchemaChange(ctx);
  } else if (ctx->dropFromTable() != nullptr) {
    alter->action = DropColumns(ctx->dropFromTable());
  } else if (ctx->renameTo() != nullptr) {
    alter->action = ast::RenameObject{Qualified(ctx->renameTo()->qualifiedName())};
  } else if (Has(ctx, P::K_RENAME)) {
    alter->action = ast::RenameColumn{Qualified(ctx->qualifiedName()), NameFrom(ctx->label())};
  } else if (ctx->setOptions() != nullptr) {
    alter->action = ast::SetOptions{Options(ctx->setOptions()->optionList())};
  } else if (ctx->resetOptions() != nullptr) {
    alter->action = ResetKeys(ctx->resetOptions());
  } else if (Has(ctx, P::K_SUSPEND)) {
    alter->action = ast::SuspendObject{};
  } else if (Has(ctx, P::K_RESUME)) {
    alter->action = ast::ResumeObject{Options(ctx->withOptions())};
  } else if (Has(ctx, P::K_REFRESH)) {
    alter->action = ast::RefreshObject{Partition(ctx->partitionSpec())};
  } else {
    alter->action = ast::SetQuery{QueryOf(ctx->query())};
  }
}

ast::AlterSchema AstBuilder::SchemaChange(P::AlterTableActionContext* ctx) {
  ast::AlterSchema change;
  change.modify = Has(ctx, P::K_MODIFY);
  if (ctx->distribution() != nullptr) change.distribution = DistributionOf(ctx->distribution());
  for (auto* element : ctx->alterElement()) {
    if (element->watermark() != nullptr) {
      SetWatermark(element->watermark(), &change.watermark);
    } else if (auto* constraint = element->tableConstraint()) {
      SetPrimaryKey(constraint, Constraint(constraint), &change.primary_key);
    } else {
      ast::PositionedColumn column;
      column.column = ColumnOf(element->columnDef(), &change.primary_key);
      column.first = Has(element, P::K_FIRST);
      column.after = OptionalName(element->label());
      change.columns.push_back(std::move(column));
    }
  }
  return change;
}

ast::DropFromSchema AstBuilder::DropColumns(P::DropFromTableContext* ctx) {
  ast::DropFromSchema drop;
  drop.primary_key = Has(ctx, P::K_PRIMARY);
  drop.watermark = Has(ctx, P::K_WATERMARK);
  drop.distribution = Has(ctx, P::K_DISTRIBUTION);
  drop.columns = Names(ctx->columnNames());
  for (auto* partition : ctx->partitionSpec()) drop.partitions.push_back(Partition(partition));
  if (Has(ctx, P::K_CONSTRAINT)) {
    drop.constraint = NameFrom(ctx->label());
  } else if (ctx->label() != nullptr) {
    drop.columns.push_back(NameFrom(ctx->label()));
  }
  return drop;
}

ast::ResetOptions AstBuilder::ResetKeys(P::ResetOptionsContext* ctx) const {
  ast::ResetOptions reset;
  for (auto* key : ctx->optionKey()) reset.keys.push_back(Key(key));
  return reset;
}

// --------------------------------------------------------------------------- session and catalog

void AstBuilder::FillSession(P::StatementContext* ctx, ast::Statement* statement) {
  auto& node = statement->node;
  if (auto* show = ctx->showStatement()) {
    FillShow(show, statement);
  } else if (auto* describe = ctx->describeStatement()) {
    node = DescribeOf(describe);
  } else if (auto* set = ctx->setStatement()) {
    node = ast::Set{};
    if (set->option() != nullptr) node = ast::Set{OptionOf(set->option())};
  } else if (auto* reset = ctx->resetStatement()) {
    node = ast::Reset{};
    if (reset->optionKey() != nullptr) node = ast::Reset{Key(reset->optionKey())};
  } else if (auto* use = ctx->useStatement()) {
    node = UseOf(use);
  } else if (auto* job = ctx->jobStatement()) {
    node = JobOf(job);
  } else if (auto* print = ctx->printStatement()) {
    node = PrintOf(print);
  } else if (auto* cursor = ctx->cursorStatement()) {
    FillCursor(cursor, statement);
  } else {
    node = ast::Flush{};
  }
}

void AstBuilder::FillShow(P::ShowStatementContext* ctx, ast::Statement* statement) {
  if (ctx->objectKind() != nullptr) {
    statement->node = ast::ShowCreate{Kind(ctx->objectKind()), Has(ctx, P::K_ALTER),
                                      Qualified(ctx->qualifiedName())};
    return;
  }
  ast::Show show;
  show.what = ctx->showWhat() != nullptr  ? Words(ctx->showWhat())
              : Has(ctx, P::K_PARTITIONS) ? "PARTITIONS"
                                          : "COLUMNS";
  show.scope = OptionalQualified(ctx->qualifiedName());
  if (auto* like = ctx->likePattern()) {
    show.like =
        ast::LikePattern{Has(like, P::K_ILIKE) ? ast::LikeKind::kIlike : ast::LikeKind::kLike,
                         String(like->string()), Has(like, P::K_NOT)};
  }
  show.partition = Partition(ctx->partitionSpec());
  show.options = Options(ctx->withOptions());
  statement->node = std::move(show);
}

ast::Name AstBuilder::NameOfString(P::StringContext* ctx) const {
  return {String(ctx), Range(ctx), true};
}

ast::Describe AstBuilder::DescribeOf(P::DescribeStatementContext* ctx) const {
  ast::Describe describe;
  describe.extended = Has(ctx, P::K_EXTENDED);
  if (Has(ctx, P::K_JOB)) {
    describe.kind = ast::ObjectKind::kJob;
    describe.name = {{NameOfString(ctx->string())}, Range(ctx->string())};
    return describe;
  }
  if (Has(ctx, P::K_CATALOG)) describe.kind = ast::ObjectKind::kCatalog;
  if (Has(ctx, P::K_DATABASE)) describe.kind = ast::ObjectKind::kDatabase;
  if (Has(ctx, P::K_FUNCTION)) describe.kind = ast::ObjectKind::kFunction;
  describe.name = Qualified(ctx->qualifiedName());
  return describe;
}

ast::Use AstBuilder::UseOf(P::UseStatementContext* ctx) const {
  ast::Use use;
  if (ctx->qualifiedName() != nullptr) {
    use.name = Qualified(ctx->qualifiedName());
  } else if (Has(ctx, P::K_CATALOG)) {
    use.kind = ast::UseKind::kCatalog;
    use.name = {{NameFrom(ctx->identifier(0))}, Range(ctx->identifier(0))};
  } else {
    use.kind = ast::UseKind::kModules;
    for (auto* module : ctx->identifier()) use.modules.push_back(NameFrom(module));
  }
  return use;
}

ast::JobControl AstBuilder::JobOf(P::JobStatementContext* ctx) const {
  ast::JobControl control;
  control.action = Has(ctx, P::K_STOP)     ? ast::JobAction::kStop
                   : Has(ctx, P::K_PAUSE)  ? ast::JobAction::kPause
                   : Has(ctx, P::K_RESUME) ? ast::JobAction::kResume
                                           : ast::JobAction::kTerminate;
  if (ctx->string() != nullptr) control.job = NameOfString(ctx->string());
  if (ctx->identifier() != nullptr) control.job = NameFrom(ctx->identifier());
  control.savepoint = Has(ctx, P::K_SAVEPOINT);
  control.drain = Has(ctx, P::K_DRAIN);
  return control;
}

ast::Print AstBuilder::PrintOf(P::PrintStatementContext* ctx) const {
  ast::Print print;
  if (ctx->string() != nullptr) {
    print.topic = String(ctx->string());
    print.topic_range = Range(ctx->string());
  } else {
    for (const ast::Name& part : Qualified(ctx->qualifiedName()).parts) {
      print.topic += (print.topic.empty() ? "" : ".") + part.text;
    }
    print.topic_range = Range(ctx->qualifiedName());
  }
  print.from_beginning = Has(ctx, P::K_BEGINNING);
  const auto numbers = ctx->INTEGER();
  const bool sampled = Has(ctx, P::K_INTERVAL) || Has(ctx, P::K_SAMPLE);
  if (sampled) print.interval = Integer(numbers[0]);
  if (Has(ctx, P::K_LIMIT)) print.limit = Integer(numbers.back());
  print.options = Options(ctx->withOptions());
  return print;
}

ast::Subscribe AstBuilder::SubscribeOf(P::SubscribeStatementContext* ctx) {
  ast::Subscribe subscribe;
  subscribe.object = OptionalQualified(ctx->qualifiedName());
  if (ctx->query() != nullptr) subscribe.query = QueryOf(ctx->query());
  if (Has(ctx, P::K_UPSERT)) subscribe.envelope = ast::EnvelopeKind::kUpsert;
  if (Has(ctx, P::K_DEBEZIUM)) subscribe.envelope = ast::EnvelopeKind::kDebezium;
  subscribe.key = Names(ctx->columnNames());
  subscribe.order_by = Sorts(ctx->sortItem());
  subscribe.options = Options(ctx->withOptions());
  const auto times = ctx->expression();
  if (Has(ctx, P::K_OF)) subscribe.as_of = Expression(times.front());
  subscribe.at_least = Has(ctx, P::K_LEAST);
  if (Has(ctx, P::K_UP)) subscribe.up_to = Expression(times.back());
  return subscribe;
}

void AstBuilder::FillCursor(P::CursorStatementContext* ctx, ast::Statement* statement) {
  if (Has(ctx, P::K_CLOSE)) {
    statement->node = ast::CloseCursor{NameFrom(ctx->identifier())};
  } else if (Has(ctx, P::K_FETCH)) {
    ast::FetchCursor fetch;
    if (ctx->INTEGER() != nullptr) fetch.count = Integer(ctx->INTEGER());
    fetch.cursor = NameFrom(ctx->identifier());
    fetch.options = Options(ctx->withOptions());
    statement->node = std::move(fetch);
  } else {
    ast::DeclareCursor cursor;
    cursor.name = NameFrom(ctx->identifier());
    cursor.subscription = Qualified(ctx->qualifiedName());
    cursor.full = Has(ctx, P::K_FULL);
    cursor.since = OptionalExpression(ctx->expression());
    statement->node = std::move(cursor);
  }
}

ast::Unsupported AstBuilder::UnsupportedOf(P::UnsupportedStatementContext* ctx) const {
  const SourceRange range = Range(ctx->unsupportedWords());
  return {Words(ctx->unsupportedWords()), std::string(source_.Slice(Range(ctx))), range};
}

}  // namespace millrace
