// ANTLR's parse tree -> AST. Private to this folder, since it includes ANTLR.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "MillraceParser.h"
#include "antlr4-runtime.h"
#include "parser/ast.h"
#include "parser/source_text.h"

namespace millrace {

std::string UpperCase(std::string text);  // ASCII letters only.

// Throws Error (kSqlSyntax) for what the grammar lets pass, e.g. an unknown interval unit, and for
// trees deeper than kMaxTreeDepth.
class AstBuilder {
 public:
  using P = grammar::MillraceParser;
  using Rule = antlr4::ParserRuleContext;

  explicit AstBuilder(const SourceText& source) : source_(source) {}

  std::vector<ast::Statement> Script(P::ScriptContext* ctx);
  ast::ExprPtr Expression(P::ExpressionContext* ctx);

 private:
  // Counts levels of the AST while it lives.
  class Depth {
   public:
    Depth(AstBuilder* builder, size_t levels, Rule* at);
    ~Depth() { builder_->depth_ -= levels_; }
    Depth(const Depth&) = delete;
    Depth& operator=(const Depth&) = delete;

   private:
    AstBuilder* builder_;
    size_t levels_;
  };

  // Names, words and positions.
  static bool Has(Rule* ctx, size_t token_type) { return ctx->getToken(token_type, 0) != nullptr; }
  SourceRange Range(Rule* ctx) const;
  SourceRange Range(antlr4::Token* token) const;
  static SourceRange Span(SourceRange first, SourceRange last);
  [[noreturn]] void Fail(Rule* at, std::string message, std::string hint = {}) const;
  ast::Name NameOf(antlr4::Token* token) const;
  template <typename Context>
  ast::Name NameFrom(Context* ctx) const {
    return NameOf(ctx->getStart());
  }
  template <typename Context>
  std::optional<ast::Name> OptionalName(Context* ctx) const {
    if (ctx == nullptr) return {};
    return NameFrom(ctx);
  }
  ast::QualifiedName Qualified(P::QualifiedNameContext* ctx) const;
  std::optional<ast::QualifiedName> OptionalQualified(P::QualifiedNameContext* ctx) const;
  std::vector<ast::Name> Names(P::ColumnNamesContext* ctx) const;
  std::string String(P::StringContext* ctx) const;
  int64_t Integer(antlr4::tree::TerminalNode* node) const;
  std::string Word(P::IdentifierContext* ctx) const;  // Upper-case; throws when it is quoted.
  std::string Words(Rule* ctx) const;  // The tokens, upper-case, with one space between two.

  // Types.
  ast::TypeName Type(P::TypeNameContext* ctx);
  ast::TypeName BaseType(P::BaseTypeContext* ctx);
  void CompositeType(P::BaseTypeContext* ctx, ast::TypeName* type);
  void SimpleType(P::BaseTypeContext* ctx, ast::TypeName* type) const;
  ast::TypeField Field(P::RowFieldContext* ctx);
  ast::IntervalQualifier Qualifier(P::IntervalQualifierContext* ctx) const;
  ast::IntervalUnit Unit(const ast::Name& name) const;

  // Expressions.
  template <typename Node>
  ast::ExprPtr Make(Node node, SourceRange range) const {
    auto expr = std::make_unique<ast::Expr>();
    expr->node = std::move(node);
    expr->range = range;
    return expr;
  }
  template <typename Node>
  ast::ExprPtr Make(Node node, Rule* ctx) const {
    return Make(std::move(node), Range(ctx));
  }
  ast::ExprPtr OptionalExpression(P::ExpressionContext* ctx);
  std::vector<ast::ExprPtr> Expressions(const std::vector<P::ExpressionContext*>& contexts);
  ast::ExprPtr PredicateOf(P::PredicateContext* ctx);
  ast::ExprPtr Suffix(ast::ExprPtr value, P::PredicateSuffixContext* ctx);
  ast::ExprPtr Comparison(ast::ExprPtr value, P::PredicateSuffixContext* ctx, SourceRange range);
  ast::ExprPtr IsSuffix(ast::ExprPtr value, P::PredicateSuffixContext* ctx, SourceRange range);
  ast::ExprPtr Value(P::ValueExpressionContext* ctx);
  ast::ExprPtr Postfix(P::PostfixExpressionContext* ctx);
  ast::ExprPtr Primary(P::PrimaryContext* ctx);
  ast::ExprPtr PrimaryWithBrackets(P::PrimaryContext* ctx);
  ast::ExprPtr CaseOf(P::PrimaryContext* ctx);
  ast::ExprPtr TableArgument(P::PrimaryContext* ctx);
  ast::ExprPtr Column(P::QualifiedNameContext* ctx) const;
  ast::ExprPtr LiteralOf(P::LiteralContext* ctx) const;
  ast::ExprPtr IntervalLiteral(P::LiteralContext* ctx) const;
  ast::ExprPtr StringLiteral(std::string text, SourceRange range) const;
  ast::SortItem Sort(P::SortItemContext* ctx);
  std::vector<ast::SortItem> Sorts(const std::vector<P::SortItemContext*>& contexts);

  // Function calls.
  ast::ExprPtr Call(ast::QualifiedName name, P::CallSuffixContext* ctx, SourceRange range);
  void Arguments(P::CallArgumentsContext* ctx, ast::FunctionCall* call);
  void OrdinaryArguments(P::CallArgumentsContext* ctx, ast::FunctionCall* call);
  void KeywordArguments(P::CallArgumentsContext* ctx, ast::FunctionCall* call);
  void TrimArguments(P::CallArgumentsContext* ctx, ast::FunctionCall* call);
  void FromArguments(P::CallArgumentsContext* ctx, ast::FunctionCall* call);
  ast::ExprPtr DescriptorOf(P::CallSuffixContext* ctx, ast::FunctionCall call,
                            SourceRange range) const;
  ast::ExprPtr UnitArgument(const ast::Expr& arg) const;
  ast::FunctionClause Clause(P::JsonClauseContext* ctx);
  ast::NullTreatment Nulls(P::NullTreatmentContext* ctx) const;

  // Windows.
  ast::WindowSpec Window(P::WindowSpecContext* ctx);
  std::unique_ptr<ast::WindowSpec> Over(P::OverClauseContext* ctx);
  ast::Frame FrameOf(P::FrameContext* ctx);
  ast::FrameBound Bound(P::FrameBoundContext* ctx);

  // Queries.
  ast::QueryPtr QueryOf(P::QueryContext* ctx);
  ast::QueryPtr Body(P::QueryBodyContext* ctx);
  ast::QueryPtr SimpleBody(P::QueryBodyContext* ctx);
  void Tail(P::QueryTailContext* ctx, ast::Query* query);
  ast::Emit EmitOf(P::EmitContext* ctx);
  ast::CommonTable Common(P::CommonTableContext* ctx);
  ast::Values ValuesOf(P::ValuesClauseContext* ctx);
  ast::Select SelectOf(P::QuerySpecificationContext* ctx);
  ast::SelectItem Item(P::SelectItemContext* ctx);
  ast::GroupElement Group(P::GroupElementContext* ctx);
  std::vector<ast::Hint> Hints(P::HintContext* ctx) const;
  ast::Hint HintOf(P::HintItemContext* ctx) const;
  std::string HintWord(P::HintWordContext* ctx) const;

  // Tables.
  ast::TablePtr Tables(const std::vector<P::JoinedTableContext*>& contexts);
  ast::TablePtr Joined(P::JoinedTableContext* ctx);
  ast::JoinRef Join(P::JoinSuffixContext* ctx, ast::TablePtr left);
  ast::JoinWithin Within(P::JoinWithinContext* ctx) const;
  ast::ExprPtr Duration(P::DurationContext* ctx) const;
  ast::TablePtr Factor(P::TableFactorContext* ctx);
  ast::TablePtr PrimaryTable(P::TablePrimaryContext* ctx);
  ast::TableRef NamedTable(P::TablePrimaryContext* ctx);
  std::optional<ast::TableAlias> Alias(P::TableAliasContext* ctx) const;
  ast::MatchRecognize Match(P::MatchRecognizeContext* ctx, ast::TablePtr input);
  void SkipTo(P::SkipTargetContext* ctx, ast::MatchRecognize* match) const;
  ast::Pattern PatternOf(P::PatternContext* ctx);
  ast::Pattern PatternTerm(P::PatternTermContext* ctx);
  void Quantify(P::PatternQuantifierContext* ctx, ast::Pattern* pattern) const;

  // Statements: queries and changes of data.
  ast::Statement StatementOf(P::StatementContext* ctx);
  void FillStatement(P::StatementContext* ctx, ast::Statement* statement);
  void FillDefinition(P::StatementContext* ctx, ast::Statement* statement);
  ast::Insert InsertOf(P::InsertStatementContext* ctx);
  ast::Update UpdateOf(P::UpdateStatementContext* ctx);
  ast::Delete DeleteOf(P::DeleteStatementContext* ctx);
  ast::StatementSet SetOf(const std::vector<P::InsertStatementContext*>& contexts);
  ast::Explain ExplainOf(P::ExplainStatementContext* ctx);
  void FillExplained(P::ExplainStatementContext* ctx, ast::Statement* statement);
  ast::PartitionSpec Partition(P::PartitionSpecContext* ctx);

  // Statements: definitions.
  std::optional<std::string> Comment(P::CommentContext* ctx) const;
  std::vector<ast::Option> Options(P::WithOptionsContext* ctx) const;
  std::vector<ast::Option> Options(P::OptionListContext* ctx) const;
  ast::Option OptionOf(P::OptionContext* ctx) const;
  ast::Option Key(P::OptionKeyContext* ctx) const;
  ast::CreateTable TableOf(P::CreateTableContext* ctx);
  ast::CreateMaterializedTable MaterializedTableOf(P::CreateMaterializedTableContext* ctx);
  ast::TableSchema Schema(P::TableElementsContext* ctx);
  void SetWatermark(P::WatermarkContext* ctx, std::optional<ast::Watermark>* target);
  void SetPrimaryKey(Rule* ctx, ast::PrimaryKey key, std::optional<ast::PrimaryKey>* target) const;
  ast::PrimaryKey Constraint(P::TableConstraintContext* ctx) const;
  ast::ColumnDef ColumnOf(P::ColumnDefContext* ctx, std::optional<ast::PrimaryKey>* key);
  void ApplyOption(P::ColumnOptionContext* ctx, ast::ColumnDef* column,
                   std::optional<ast::PrimaryKey>* key) const;
  ast::Distribution DistributionOf(P::DistributionContext* ctx) const;
  template <typename Context>
  void Placement(Context* ctx, ast::CreateTable* table);
  ast::LikeClause LikeOf(P::LikeClauseContext* ctx) const;
  std::vector<ast::ViewColumn> ViewColumns(P::ViewColumnsContext* ctx) const;
  ast::CreateView ViewOf(P::CreateViewContext* ctx);
  ast::CreateMaterializedView MaterializedViewOf(P::CreateMaterializedViewContext* ctx);
  ast::CreateIndex IndexOf(P::CreateIndexContext* ctx);
  ast::CreateFunction FunctionOf(P::CreateFunctionContext* ctx);
  ast::CreateCatalog CatalogOf(P::CreateCatalogContext* ctx);
  ast::CreateDatabase DatabaseOf(P::CreateDatabaseContext* ctx);
  ast::CreateSource SourceOf(P::CreateSourceContext* ctx);
  ast::CreateSink SinkOf(P::CreateSinkContext* ctx);
  ast::FormatEncode FormatOf(P::FormatEncodeContext* ctx) const;
  ast::CreateSubscription SubscriptionOf(P::CreateSubscriptionContext* ctx) const;
  ast::Drop DropOf(P::DropStatementContext* ctx) const;
  ast::ObjectKind Kind(P::ObjectKindContext* ctx) const;
  ast::Alter AlterOf(P::AlterStatementContext* ctx);
  void FillAlter(P::AlterStatementContext* ctx, ast::Alter* alter);
  void FillAlterTable(P::AlterTableActionContext* ctx, ast::Alter* alter);
  ast::AlterSchema SchemaChange(P::AlterTableActionContext* ctx);
  ast::DropFromSchema DropColumns(P::DropFromTableContext* ctx);
  ast::ResetOptions ResetKeys(P::ResetOptionsContext* ctx) const;

  // Statements: the session, the catalog, jobs, and changes as they happen.
  void FillSession(P::StatementContext* ctx, ast::Statement* statement);
  void FillShow(P::ShowStatementContext* ctx, ast::Statement* statement);
  ast::Describe DescribeOf(P::DescribeStatementContext* ctx) const;
  ast::Use UseOf(P::UseStatementContext* ctx) const;
  ast::JobControl JobOf(P::JobStatementContext* ctx) const;
  ast::Print PrintOf(P::PrintStatementContext* ctx) const;
  ast::Subscribe SubscribeOf(P::SubscribeStatementContext* ctx);
  void FillCursor(P::CursorStatementContext* ctx, ast::Statement* statement);
  ast::Unsupported UnsupportedOf(P::UnsupportedStatementContext* ctx) const;
  ast::Name NameOfString(P::StringContext* ctx) const;

  const SourceText& source_;
  size_t depth_ = 0;
  int64_t parameters_ = 0;
};

}  // namespace millrace
