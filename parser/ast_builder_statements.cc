// Scripts, statements over data, and EXPLAIN.
#include <string>
#include <utility>

#include "parser/ast_builder.h"

namespace millrace {
namespace {

using P = grammar::MillraceParser;

}  // namespace

std::vector<ast::Statement> AstBuilder::Script(P::ScriptContext* ctx) {
  std::vector<ast::Statement> statements;
  for (auto* statement : ctx->statement()) {
    parameters_ = 0;
    statements.push_back(StatementOf(statement));
  }
  return statements;
}

ast::Statement AstBuilder::StatementOf(P::StatementContext* ctx) {
  ast::Statement statement;
  statement.range = Range(ctx);
  FillStatement(ctx, &statement);
  return statement;
}

void AstBuilder::FillStatement(P::StatementContext* ctx, ast::Statement* statement) {
  auto& node = statement->node;
  if (auto* query = ctx->queryStatement()) {
    node = ast::QueryStatement{QueryOf(query->query())};
  } else if (auto* insert = ctx->insertStatement()) {
    node = InsertOf(insert);
  } else if (auto* update = ctx->updateStatement()) {
    node = UpdateOf(update);
  } else if (auto* removal = ctx->deleteStatement()) {
    node = DeleteOf(removal);
  } else if (auto* truncate = ctx->truncateStatement()) {
    node = ast::Truncate{Qualified(truncate->qualifiedName())};
  } else if (auto* set = ctx->statementSet()) {
    node = SetOf(set->insertStatement());
  } else if (auto* explain = ctx->explainStatement()) {
    node = ExplainOf(explain);
  } else if (auto* drop = ctx->dropStatement()) {
    node = DropOf(drop);
  } else if (auto* alter = ctx->alterStatement()) {
    node = AlterOf(alter);
  } else if (auto* subscribe = ctx->subscribeStatement()) {
    node = SubscribeOf(subscribe);
  } else if (auto* unsupported = ctx->unsupportedStatement()) {
    node = UnsupportedOf(unsupported);
  } else {
    FillDefinition(ctx, statement);
  }
}

void AstBuilder::FillDefinition(P::StatementContext* ctx, ast::Statement* statement) {
  auto& node = statement->node;
  if (auto* table = ctx->createTable()) {
    node = TableOf(table);
  } else if (auto* materialized_table = ctx->createMaterializedTable()) {
    node = MaterializedTableOf(materialized_table);
  } else if (auto* view = ctx->createView()) {
    node = ViewOf(view);
  } else if (auto* materialized_view = ctx->createMaterializedView()) {
    node = MaterializedViewOf(materialized_view);
  } else if (auto* index = ctx->createIndex()) {
    node = IndexOf(index);
  } else if (auto* function = ctx->createFunction()) {
    node = FunctionOf(function);
  } else if (auto* catalog = ctx->createCatalog()) {
    node = CatalogOf(catalog);
  } else if (auto* database = ctx->createDatabase()) {
    node = DatabaseOf(database);
  } else if (auto* source = ctx->createSource()) {
    node = SourceOf(source);
  } else if (auto* sink = ctx->createSink()) {
    node = SinkOf(sink);
  } else if (auto* subscription = ctx->createSubscription()) {
    node = SubscriptionOf(subscription);
  } else {
    FillSession(ctx, statement);
  }
}

ast::Insert AstBuilder::InsertOf(P::InsertStatementContext* ctx) {
  ast::Insert insert;
  insert.overwrite = Has(ctx, P::K_OVERWRITE);
  insert.target = Qualified(ctx->qualifiedName());
  insert.hints = Hints(ctx->hint());
  insert.partition = Partition(ctx->partitionSpec());
  insert.columns = Names(ctx->columnNames());
  insert.query = QueryOf(ctx->query());
  if (auto* conflict = ctx->onConflict()) {
    insert.on_conflict = Has(conflict, P::K_NOTHING) ? "NOTHING"
                         : Has(conflict, P::K_ERROR) ? "ERROR"
                                                     : "DEDUPLICATE";
  }
  return insert;
}

ast::PartitionSpec AstBuilder::Partition(P::PartitionSpecContext* ctx) {
  ast::PartitionSpec spec;
  if (ctx == nullptr) return spec;
  for (auto* item : ctx->partitionItem()) {
    spec.push_back({NameFrom(item->label()), OptionalExpression(item->expression())});
  }
  return spec;
}

ast::Update AstBuilder::UpdateOf(P::UpdateStatementContext* ctx) {
  ast::Update update;
  update.table = Qualified(ctx->qualifiedName());
  update.alias = OptionalName(ctx->bareAlias());
  for (auto* assignment : ctx->assignment()) {
    update.assignments.push_back(
        {NameFrom(assignment->label()), Expression(assignment->expression())});
  }
  update.where = OptionalExpression(ctx->expression());
  return update;
}

ast::Delete AstBuilder::DeleteOf(P::DeleteStatementContext* ctx) {
  ast::Delete removal;
  removal.table = Qualified(ctx->qualifiedName());
  removal.alias = OptionalName(ctx->bareAlias());
  removal.where = OptionalExpression(ctx->expression());
  return removal;
}

ast::StatementSet AstBuilder::SetOf(const std::vector<P::InsertStatementContext*>& contexts) {
  ast::StatementSet set;
  for (auto* ctx : contexts) {
    ast::Statement statement;
    statement.range = Range(ctx);
    statement.node = InsertOf(ctx);
    set.statements.push_back(std::move(statement));
  }
  return set;
}

ast::Explain AstBuilder::ExplainOf(P::ExplainStatementContext* ctx) {
  ast::Explain explain;
  explain.plan_for = Has(ctx, P::K_PLAN);
  for (auto* detail : ctx->explainDetail()) explain.details.push_back(Words(detail));
  explain.statement = std::make_unique<ast::Statement>();
  explain.statement->range = Range(static_cast<Rule*>(ctx->children.back()));
  FillExplained(ctx, explain.statement.get());
  return explain;
}

void AstBuilder::FillExplained(P::ExplainStatementContext* ctx, ast::Statement* statement) {
  auto& node = statement->node;
  if (auto* query = ctx->queryStatement()) {
    node = ast::QueryStatement{QueryOf(query->query())};
  } else if (auto* insert = ctx->insertStatement()) {
    node = InsertOf(insert);
  } else if (auto* set = ctx->explainedSet()) {
    node = SetOf(set->insertStatement());
  } else if (auto* executed_set = ctx->statementSet()) {
    node = SetOf(executed_set->insertStatement());
  } else if (auto* update = ctx->updateStatement()) {
    node = UpdateOf(update);
  } else if (auto* removal = ctx->deleteStatement()) {
    node = DeleteOf(removal);
  } else if (auto* table = ctx->createTable()) {
    node = TableOf(table);
  } else if (auto* view = ctx->createView()) {
    node = ViewOf(view);
  } else if (auto* materialized_view = ctx->createMaterializedView()) {
    node = MaterializedViewOf(materialized_view);
  } else if (auto* materialized_table = ctx->createMaterializedTable()) {
    node = MaterializedTableOf(materialized_table);
  } else if (auto* sink = ctx->createSink()) {
    node = SinkOf(sink);
  } else {
    node = SubscribeOf(ctx->subscribeStatement());
  }
}

}  // namespace millrace
