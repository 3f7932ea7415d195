// Appends SQL text for AST nodes. Private to this folder; see print.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "parser/ast.h"

namespace millrace {

class SqlWriter {
 public:
  void Write(const ast::Name& name);
  void Write(const ast::QualifiedName& name);
  void Write(const ast::TypeName& type);
  void Write(const ast::Expr& expr) { Write(expr, 0); }
  void Write(const ast::Query& query);
  void Write(const ast::Statement& statement);

  std::string Take() { return std::move(text_); }

 private:
  // In brackets when `expr` binds less tightly than `level` (see LevelOf).
  void Write(const ast::Expr& expr, int level);

  // Pieces.
  SqlWriter& Add(std::string_view text);
  SqlWriter& AddIf(bool condition, std::string_view text);
  void String(std::string_view text);  // Quoted.
  template <typename Items, typename WriteItem>
  void List(const Items& items, WriteItem write, std::string_view separator = ", ") {
    bool first = true;
    for (const auto& item : items) {
      if (!first) Add(separator);
      first = false;
      write(item);
    }
  }
  void Names(const std::vector<ast::Name>& names);           // (a, b), or nothing.
  void Expressions(const std::vector<ast::ExprPtr>& items);  // a, b
  void Qualifier(const ast::IntervalQualifier& qualifier);
  void OrderBy(std::string_view prefix, const std::vector<ast::SortItem>& items);
  void PartitionBy(const std::vector<ast::ExprPtr>& items);

  // Expressions.
  void Node(const ast::Literal& literal);
  void Node(const ast::ColumnRef& column);
  void Node(const ast::Star& star);
  void Node(const ast::Unary& unary);
  void Node(const ast::Binary& binary);
  void Node(const ast::IsPredicate& is);
  void Node(const ast::Between& between);
  void Node(const ast::Like& like);
  void Node(const ast::InList& in);
  void Node(const ast::InSubquery& in);
  void Node(const ast::Exists& exists);
  void Node(const ast::ScalarSubquery& subquery);
  void Node(const ast::Quantified& quantified);
  void Node(const ast::Case& expr);
  void Node(const ast::Cast& cast);
  void Node(const ast::FunctionCall& call);
  void Node(const ast::RowConstructor& row);
  void Node(const ast::ArrayConstructor& array);
  void Node(const ast::MapConstructor& map);
  void Node(const ast::Index& index);
  void Node(const ast::FieldAccess& access);
  void Node(const ast::Descriptor& descriptor);
  void Node(const ast::TableArg& arg);
  void Node(const ast::Parameter& parameter);
  void Operand(const ast::Expr& expr);  // Of a postfix.
  void FunctionName(const ast::QualifiedName& name);
  bool SpecialArguments(const ast::FunctionCall& call);
  void Arguments(const ast::FunctionCall& call);
  void Clause(const ast::FunctionClause& clause);
  void Window(const ast::WindowSpec& spec);
  void Bound(const ast::FrameBound& bound);

  // Queries and tables.
  void Body(const ast::Query& query);
  void Node(const ast::Select& select);
  void Node(const ast::SetOperation& operation);
  void Node(const ast::Values& values);
  void SetOperand(const ast::Query& query, int level);
  void Group(const ast::GroupElement& element);
  void EmitClause(const ast::Emit& emit);
  void Hints(const std::vector<ast::Hint>& hints);
  void Table(const ast::TableExpr& table, bool bracket_joins);
  void Node(const ast::TableRef& table);
  void Node(const ast::SubqueryRef& subquery);
  void Node(const ast::TableFunctionRef& function);
  void Node(const ast::Unnest& unnest);
  void Node(const ast::JoinRef& join);
  void Node(const ast::MatchRecognize& match);
  void AfterMatch(const ast::MatchRecognize& match);
  void Pattern(const ast::Pattern& pattern, bool alone);
  void Quantifier(const ast::Pattern& pattern);
  void Duration(const ast::Expr& expr);

  // Statements.
  void Node(const ast::QueryStatement& statement);
  void Node(const ast::Insert& insert);
  void Node(const ast::Update& update);
  void Node(const ast::Delete& removal);
  void Node(const ast::Truncate& truncate);
  void Node(const ast::StatementSet& set);
  void Node(const ast::CreateTable& table);
  void Node(const ast::CreateMaterializedTable& table);
  void Node(const ast::CreateView& view);
  void Node(const ast::CreateMaterializedView& view);
  void Node(const ast::CreateIndex& index);
  void Node(const ast::CreateFunction& function);
  void Node(const ast::CreateCatalog& catalog);
  void Node(const ast::CreateDatabase& database);
  void Node(const ast::CreateSource& source);
  void Node(const ast::CreateSink& sink);
  void Node(const ast::CreateSubscription& subscription);
  void Node(const ast::Drop& drop);
  void Node(const ast::Alter& alter);
  void Node(const ast::Explain& explain);
  void Node(const ast::Show& show);
  void Node(const ast::ShowCreate& show);
  void Node(const ast::Describe& describe);
  void Node(const ast::Set& set);
  void Node(const ast::Reset& reset);
  void Node(const ast::Use& use);
  void Node(const ast::JobControl& control);
  void Node(const ast::Flush& flush);
  void Node(const ast::Print& print);
  void Node(const ast::Subscribe& subscribe);
  void Node(const ast::DeclareCursor& cursor);
  void Node(const ast::FetchCursor& fetch);
  void Node(const ast::CloseCursor& close);
  void Node(const ast::Unsupported& unsupported);

  // Pieces of statements; with a space before them unless they are empty.
  void Comment(const std::optional<std::string>& comment);
  void With(const std::vector<ast::Option>& options);
  void OptionList(const std::vector<ast::Option>& options);
  void Schema(const ast::TableSchema& schema);
  void Column(const ast::ColumnDef& column);
  void WatermarkClause(const ast::Watermark& watermark);
  void Key(const ast::PrimaryKey& key);
  void Placement(const ast::CreateTable& table);
  void DistributionClause(const ast::Distribution& distribution);
  void LikeTable(const ast::LikeClause& like);
  void ViewColumns(const std::vector<ast::ViewColumn>& columns);
  void Format(const std::optional<ast::FormatEncode>& format);
  void Partition(const ast::PartitionSpec& spec);
  void Action(const ast::AlterSchema& action);
  void Action(const ast::DropFromSchema& action);
  void Action(const ast::AddPartitions& action);
  void Action(const ast::RenameColumn& action);
  void Action(const ast::RenameObject& action);
  void Action(const ast::SetOptions& action);
  void Action(const ast::ResetOptions& action);
  void Action(const ast::SetComment& action);
  void Action(const ast::SetQuery& action);
  void Action(const ast::SuspendObject& action);
  void Action(const ast::ResumeObject& action);
  void Action(const ast::RefreshObject& action);
  void Action(const ast::SetFunction& action);

  std::string text_;
};

}  // namespace millrace
