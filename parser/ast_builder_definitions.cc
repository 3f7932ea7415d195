// CREATE.
#include <string>
#include <utility>

#include "parser/ast_builder.h"

namespace millrace {
namespace {

using P = grammar::MillraceParser;

// CREATE OR REPLACE, or REPLACE alone.
bool Replaces(P::CreateOrReplaceContext* ctx) {
  return ctx != nullptr && ctx->K_REPLACE() != nullptr;
}

}  // namespace

std::optional<std::string> AstBuilder::Comment(P::CommentContext* ctx) const {
  if (ctx == nullptr) return {};
  return String(ctx->string());
}

std::vector<ast::Option> AstBuilder::Options(P::WithOptionsContext* ctx) const {
  return ctx == nullptr ? std::vector<ast::Option>{} : Options(ctx->optionList());
}

std::vector<ast::Option> AstBuilder::Options(P::OptionListContext* ctx) const {
  std::vector<ast::Option> options;
  if (ctx == nullptr) return options;
  for (auto* option : ctx->option()) options.push_back(OptionOf(option));
  return options;
}

ast::Option AstBuilder::Key(P::OptionKeyContext* ctx) const {
  ast::Option option;
  option.key_range = Range(ctx);
  if (ctx->string() != nullptr) {
    option.key = String(ctx->string());
    return option;
  }
  for (auto* part : ctx->label()) {
    if (!option.key.empty()) option.key += '.';
    option.key += NameFrom(part).text;
  }
  return option;
}

ast::Option AstBuilder::OptionOf(P::OptionContext* ctx) const {
  ast::Option option = Key(ctx->optionKey());
  auto* value = ctx->optionValue();
  option.value_range = Range(value);
  option.value = value->string() != nullptr ? String(value->string()) : value->getText();
  return option;
}

ast::CreateTable AstBuilder::TableOf(P::CreateTableContext* ctx) {
  ast::CreateTable table;
  table.temporary = Has(ctx, P::K_TEMPORARY);
  table.or_replace = Replaces(ctx->createOrReplace());
  table.if_not_exists = ctx->ifNotExists() != nullptr;
  table.name = Qualified(ctx->qualifiedName());
  table.schema = Schema(ctx->tableElements());
  table.comment = Comment(ctx->comment());
  Placement(ctx, &table);
  table.options = Options(ctx->withOptions());
  if (ctx->likeClause() != nullptr) table.like = LikeOf(ctx->likeClause());
  if (ctx->query() != nullptr) table.query = QueryOf(ctx->query());
  return table;
}

ast::CreateMaterializedTable AstBuilder::MaterializedTableOf(
    P::CreateMaterializedTableContext* ctx) {
  ast::CreateMaterializedTable result;
  result.or_alter = Has(ctx, P::K_ALTER);
  result.table.if_not_exists = ctx->ifNotExists() != nullptr;
  result.table.name = Qualified(ctx->qualifiedName());
  result.table.schema = Schema(ctx->tableElements());
  result.table.comment = Comment(ctx->comment());
  Placement(ctx, &result.table);
  result.table.options = Options(ctx->withOptions());
  result.freshness = OptionalExpression(ctx->expression());
  if (Has(ctx, P::K_CONTINUOUS)) result.refresh_mode = "CONTINUOUS";
  if (Has(ctx, P::K_FULL)) result.refresh_mode = "FULL";
  result.table.query = QueryOf(ctx->query());
  return result;
}

// DISTRIBUTED and PARTITIONED BY, in either order.
template <typename Context>
void AstBuilder::Placement(Context* ctx, ast::CreateTable* table) {
  for (auto* distribution : ctx->distribution()) {
    if (table->distribution) Fail(distribution, "this clause is given twice");
    table->distribution = DistributionOf(distribution);
  }
  for (auto* partitioned : ctx->partitionedBy()) {
    if (!table->partitioned_by.empty()) Fail(partitioned, "this clause is given twice");
    table->partitioned_by = Names(partitioned->columnNames());
  }
}

ast::TableSchema AstBuilder::Schema(P::TableElementsContext* ctx) {
  ast::TableSchema schema;
  if (ctx == nullptr) return schema;
  for (auto* element : ctx->tableElement()) {
    if (auto* column = element->columnDef()) {
      schema.columns.push_back(ColumnOf(column, &schema.primary_key));
    } else if (auto* watermark = element->watermark()) {
      SetWatermark(watermark, &schema.watermark);
    } else if (auto* constraint = element->tableConstraint()) {
      SetPrimaryKey(constraint, Constraint(constraint), &schema.primary_key);
    } else {
      schema.star = true;
    }
  }
  return schema;
}

void AstBuilder::SetWatermark(P::WatermarkContext* ctx, std::optional<ast::Watermark>* target) {
  if (*target) Fail(ctx, "a table has at most one WATERMARK");
  *target =
      ast::Watermark{Qualified(ctx->qualifiedName()), Expression(ctx->expression()), Range(ctx)};
}

void AstBuilder::SetPrimaryKey(Rule* ctx, ast::PrimaryKey key,
                               std::optional<ast::PrimaryKey>* target) const {
  if (*target) Fail(ctx, "a table has at most one PRIMARY KEY");
  *target = std::move(key);
}

ast::PrimaryKey AstBuilder::Constraint(P::TableConstraintContext* ctx) const {
  return {OptionalName(ctx->label()), Names(ctx->columnNames()), Has(ctx, P::K_ENFORCED),
          Range(ctx)};
}

ast::ColumnDef AstBuilder::ColumnOf(P::ColumnDefContext* ctx, std::optional<ast::PrimaryKey>* key) {
  ast::ColumnDef column;
  column.range = Range(ctx);
  column.name = NameFrom(ctx->label());
  if (ctx->typeName() != nullptr) column.type = Type(ctx->typeName());
  column.computed = OptionalExpression(ctx->expression());
  column.comment = Comment(ctx->comment());
  for (auto* option : ctx->columnOption()) ApplyOption(option, &column, key);
  return column;
}

void AstBuilder::ApplyOption(P::ColumnOptionContext* ctx, ast::ColumnDef* column,
                             std::optional<ast::PrimaryKey>* key) const {
  if (ctx->comment() != nullptr) {
    column->comment = Comment(ctx->comment());
  } else if (Has(ctx, P::K_METADATA)) {
    column->metadata = true;
    column->is_virtual = Has(ctx, P::K_VIRTUAL);
    if (ctx->string() != nullptr) {
      column->metadata_key = String(ctx->string());
    } else if (Has(ctx, P::K_FROM)) {
      auto* quoted = ctx->BACKTICK() != nullptr ? ctx->BACKTICK() : ctx->DOUBLE_QUOTED();
      column->metadata_key = NameOf(quoted->getSymbol()).text;
    }
  } else {
    SetPrimaryKey(ctx,
                  {OptionalName(ctx->label()), {column->name}, Has(ctx, P::K_ENFORCED), Range(ctx)},
                  key);
  }
}

ast::Distribution AstBuilder::DistributionOf(P::DistributionContext* ctx) const {
  ast::Distribution distribution;
  distribution.range = Range(ctx);
  distribution.columns = Names(ctx->columnNames());
  if (ctx->INTEGER() != nullptr) distribution.buckets = Integer(ctx->INTEGER());
  if (ctx->label() != nullptr) {
    const std::string word = UpperCase(ctx->label()->getText());
    if (word != "HASH" && word != "RANGE")
      Fail(ctx->label(), "a table is distributed by HASH or RANGE");
    distribution.kind =
        word == "HASH" ? ast::DistributionKind::kHash : ast::DistributionKind::kRange;
  }
  return distribution;
}

ast::LikeClause AstBuilder::LikeOf(P::LikeClauseContext* ctx) const {
  ast::LikeClause like;
  like.source = Qualified(ctx->qualifiedName());
  like.range = Range(ctx);
  for (auto* option : ctx->likeOption()) {
    like.options.push_back(
        {UpperCase(option->getStart()->getText()), UpperCase(option->getStop()->getText())});
  }
  return like;
}

std::vector<ast::ViewColumn> AstBuilder::ViewColumns(P::ViewColumnsContext* ctx) const {
  std::vector<ast::ViewColumn> columns;
  if (ctx == nullptr) return columns;
  for (auto* column : ctx->viewColumn()) {
    columns.push_back({NameFrom(column->label()), Comment(column->comment())});
  }
  return columns;
}

ast::CreateView AstBuilder::ViewOf(P::CreateViewContext* ctx) {
  ast::CreateView view;
  view.temporary = Has(ctx, P::K_TEMPORARY);
  view.or_replace = Replaces(ctx->createOrReplace());
  view.if_not_exists = ctx->ifNotExists() != nullptr;
  view.name = Qualified(ctx->qualifiedName());
  view.columns = ViewColumns(ctx->viewColumns());
  view.comment = Comment(ctx->comment());
  view.query = QueryOf(ctx->query());
  return view;
}

ast::CreateMaterializedView AstBuilder::MaterializedViewOf(P::CreateMaterializedViewContext* ctx) {
  ast::CreateMaterializedView view;
  view.or_replace = Replaces(ctx->createOrReplace());
  view.if_not_exists = ctx->ifNotExists() != nullptr;
  view.name = Qualified(ctx->qualifiedName());
  view.columns = ViewColumns(ctx->viewColumns());
  view.comment = Comment(ctx->comment());
  view.options = Options(ctx->withOptions());
  view.query = QueryOf(ctx->query());
  return view;
}

ast::CreateIndex AstBuilder::IndexOf(P::CreateIndexContext* ctx) {
  ast::CreateIndex index;
  index.if_not_exists = ctx->ifNotExists() != nullptr;
  index.name = NameFrom(ctx->identifier());
  index.table = Qualified(ctx->qualifiedName());
  index.columns = Sorts(ctx->sortItem());
  index.include = Names(ctx->columnNames());
  return index;
}

ast::CreateFunction AstBuilder::FunctionOf(P::CreateFunctionContext* ctx) {
  ast::CreateFunction function;
  function.temporary = Has(ctx, P::K_TEMPORARY);
  function.system = Has(ctx, P::K_SYSTEM);
  function.or_replace = Replaces(ctx->createOrReplace());
  function.if_not_exists = ctx->ifNotExists() != nullptr;
  function.name = Qualified(ctx->qualifiedName());
  if (auto* parameters = ctx->functionParameters()) {
    for (auto* parameter : parameters->functionParameter()) {
      function.parameters.push_back({NameFrom(parameter->label()), Type(parameter->typeName())});
    }
    function.returns = Type(ctx->typeName());
    function.body = Expression(ctx->expression());
    return function;
  }
  const auto strings = ctx->string();
  function.identifier = String(strings[0]);
  for (size_t i = 1; i < strings.size(); ++i) function.resources.push_back(String(strings[i]));
  if (ctx->identifier() != nullptr) function.language = Word(ctx->identifier());
  return function;
}

ast::CreateCatalog AstBuilder::CatalogOf(P::CreateCatalogContext* ctx) {
  return {ctx->ifNotExists() != nullptr, NameFrom(ctx->identifier()), Comment(ctx->comment()),
          Options(ctx->withOptions())};
}

ast::CreateDatabase AstBuilder::DatabaseOf(P::CreateDatabaseContext* ctx) {
  return {ctx->ifNotExists() != nullptr, Qualified(ctx->qualifiedName()), Comment(ctx->comment()),
          Options(ctx->withOptions())};
}

ast::CreateSource AstBuilder::SourceOf(P::CreateSourceContext* ctx) {
  ast::CreateSource source;
  source.if_not_exists = ctx->ifNotExists() != nullptr;
  source.name = Qualified(ctx->qualifiedName());
  source.schema = Schema(ctx->tableElements());
  for (auto* include : ctx->includeColumn()) {
    ast::IncludeColumn column;
    column.what = NameFrom(include->identifier());
    if (include->string() != nullptr) column.field = String(include->string());
    column.alias = OptionalName(include->label());
    source.include.push_back(std::move(column));
  }
  source.options = Options(ctx->withOptions());
  if (ctx->formatEncode() != nullptr) source.format = FormatOf(ctx->formatEncode());
  return source;
}

ast::CreateSink AstBuilder::SinkOf(P::CreateSinkContext* ctx) {
  ast::CreateSink sink;
  size_t next = 0;
  sink.if_not_exists = ctx->ifNotExists() != nullptr;
  sink.name = Qualified(ctx->qualifiedName(next++));
  if (Has(ctx, P::K_INTO)) sink.into = Qualified(ctx->qualifiedName(next++));
  sink.columns = Names(ctx->columnNames());
  if (Has(ctx, P::K_FROM)) sink.from = Qualified(ctx->qualifiedName(next++));
  if (ctx->emit() != nullptr) sink.emit = EmitOf(ctx->emit());
  if (ctx->query() != nullptr) sink.query = QueryOf(ctx->query());
  sink.options = Options(ctx->withOptions());
  if (ctx->formatEncode() != nullptr) sink.format = FormatOf(ctx->formatEncode());
  return sink;
}

ast::FormatEncode AstBuilder::FormatOf(P::FormatEncodeContext* ctx) const {
  ast::FormatEncode format;
  format.range = Range(ctx);
  format.format = Word(ctx->identifier(0));
  format.encode = Word(ctx->identifier(1));
  const bool has_key = Has(ctx, P::K_KEY);
  if (has_key) format.key_encode = Word(ctx->identifier(2));
  for (auto* list : ctx->optionList()) {
    const bool of_key =
        has_key && list->getStart()->getTokenIndex() > ctx->K_KEY()->getSymbol()->getTokenIndex();
    (of_key ? format.key_options : format.options) = Options(list);
  }
  return format;
}

ast::CreateSubscription AstBuilder::SubscriptionOf(P::CreateSubscriptionContext* ctx) const {
  return {ctx->ifNotExists() != nullptr, Qualified(ctx->qualifiedName(0)),
          Qualified(ctx->qualifiedName(1)), Options(ctx->withOptions())};
}

}  // namespace millrace
