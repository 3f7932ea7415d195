// UPDATE and DELETE as queries over the table that they change.
#include <algorithm>

#include "fmt/format.h"
#include "planner/bind_query.h"
#include "planner/properties.h"
#include "planner/rewrite.h"
#include "types/cast.h"

namespace millrace {
namespace {

ast::ExprPtr MakeStar(SourceRange range) {
  auto star = std::make_unique<ast::Expr>();
  star->node = ast::Star{};
  star->range = range;
  return star;
}

// SELECT *, values FROM table AS alias WHERE condition
template <class Statement>
ast::Query MakeQuery(Statement& statement, std::vector<ast::Assignment> assignments) {
  const SourceRange range = statement.table.range;
  ast::Select select;
  select.range = range;
  select.items.push_back({MakeStar(range), std::nullopt, range});
  for (ast::Assignment& assignment : assignments) {
    const SourceRange value = assignment.value->range;
    select.items.push_back({std::move(assignment.value), std::nullopt, value});
  }
  select.from = std::make_unique<ast::TableExpr>();
  select.from->node = ast::TableRef{statement.table, {}, nullptr};
  if (statement.alias) select.from->alias = ast::TableAlias{*statement.alias, {}};
  select.from->range = range;
  select.where = std::move(statement.where);
  ast::Query query;
  query.body = std::move(select);
  query.range = range;
  return query;
}

class ChangeBinder {
 public:
  ChangeBinder(const ChangeQuery& change, const PlanContext& context)
      : change_(change),
        context_(context),
        table_(context.catalog->Get(change.table, *context.session)),
        state_{&plan_},
        binder_(context, QueryMode::kPull, {}, &state_) {}

  ChangePlan Bind() {
    CheckTable();
    FindTargets();
    query_ = binder_.BindQuery(change_.query);
    Project();
    plan_.schema = query_.node->schema;
    plan_.root = std::move(query_.node);
    plan_.pull = true;
    plan_.bounded = IsBounded(*plan_.root);
    if (!plan_.bounded) {
      throw Error(ErrorCode::kStreamingResult, "the condition reads a source that does not end",
                  change_.table.range, "read a materialized view instead");
    }
    Rewrite(&plan_, context_.session->zone());
    ChangePlan result{&table_, std::move(plan_), {}};
    if (change_.updates) result.ranges = std::move(ranges_);
    return result;
  }

 private:
  void CheckTable() const {
    const SourceRange range = change_.table.range;
    const std::string what = change_.updates ? "UPDATE" : "DELETE";
    if (table_.kind != Relation::Kind::kTable) {
      throw Error(ErrorCode::kBadRequest,
                  fmt::format("\"{}\" is a view: {} changes tables", table_.name, what), range);
    }
    if (table_.connector) {
      throw Error(ErrorCode::kBadRequest,
                  fmt::format("{} changes tables without a connector, but \"{}\" has '{}'", what,
                              table_.name, table_.connector->name),
                  range);
    }
    if (table_.changes) return;
    throw Error(ErrorCode::kBadRequest, fmt::format("table \"{}\" is append-only", table_.name),
                range, "give it a PRIMARY KEY … NOT ENFORCED or WITH ('append-only' = 'false')");
  }

  void FindTargets() {
    for (const ast::Name& name : change_.targets) {
      const size_t column = FindColumn(name);
      if (table_.columns[column].kind != TableColumn::Kind::kPhysical) {
        throw Error(ErrorCode::kBadRequest,
                    fmt::format("column \"{}\" is computed and cannot be set", name.text),
                    name.range);
      }
      if (std::ranges::find(targets_, column) != targets_.end()) {
        throw Error(ErrorCode::kBadRequest, fmt::format("column \"{}\" is set twice", name.text),
                    name.range);
      }
      targets_.push_back(column);
    }
  }

  size_t FindColumn(const ast::Name& name) const {
    std::vector<std::string_view> names;
    for (const bool exact : {true, false}) {
      for (size_t i = 0; i < table_.columns.size(); ++i) {
        if (SameName(table_.columns[i].name, name.text, exact)) return i;
      }
    }
    for (const TableColumn& column : table_.columns) names.push_back(column.name);
    throw Error(ErrorCode::kColumnNotFound,
                fmt::format("\"{}\" has no column \"{}\"", table_.name, name.text), name.range,
                DidYouMean(name.text, names));
  }

  // The value of the i-th assignment as its column takes it.
  ExprPtr Assigned(size_t i) const {
    const TableColumn& column = table_.columns[targets_[i]];
    const size_t at = table_.columns.size() + i;
    const SourceRange range = query_.ranges[at];
    const Type& given = query_.node->schema[at].type;
    if (given.id == TypeId::kNull && !column.type.nullable) {
      throw Error(ErrorCode::kTypeMismatch, fmt::format("column \"{}\" is NOT NULL", column.name),
                  range);
    }
    const CastKind kind = CastKindOf(given, column.type);
    const bool text = change_.literals[i] && given.id == TypeId::kString;
    if (kind == CastKind::kNone || (kind == CastKind::kExplicit && !text)) {
      throw Error(ErrorCode::kTypeMismatch,
                  fmt::format("column \"{}\" is {}, but the value is {}", column.name,
                              column.type.ToString(), given.ToString()),
                  range,
                  kind == CastKind::kExplicit
                      ? fmt::format("CAST(… AS {})", column.type.AsNullable().ToString())
                      : "");
    }
    return MakeCast(MakeColumnExpr(at, given, range), column.type.AsNullable(), false,
                    context_.session->zone());
  }

  // The physical columns as they are, then, for UPDATE, as they will be.
  void Project() {
    std::vector<ExprPtr> exprs;
    std::vector<std::string> names;
    for (size_t pass = 0; pass < (change_.updates ? 2 : 1); ++pass) {
      for (size_t c = 0; c < table_.columns.size(); ++c) {
        const TableColumn& column = table_.columns[c];
        if (column.kind != TableColumn::Kind::kPhysical) continue;
        const auto target = std::ranges::find(targets_, c);
        const bool set = pass == 1 && target != targets_.end();
        const auto i = static_cast<size_t>(target - targets_.begin());
        exprs.push_back(set ? Assigned(i) : MakeColumnExpr(c, column.type, change_.table.range));
        names.push_back(column.name);
        if (pass == 1) {
          ranges_.push_back(set ? query_.ranges[table_.columns.size() + i] : change_.table.range);
        }
      }
    }
    query_.node = MakeProject(std::move(query_.node), std::move(exprs), std::move(names),
                              change_.table.range);
  }

  const ChangeQuery& change_;
  const PlanContext& context_;
  const Relation& table_;
  Plan plan_;
  BindState state_;
  QueryBinder binder_;
  BoundQuery query_;
  std::vector<size_t> targets_;  // Columns of the table.
  std::vector<SourceRange> ranges_;
};

}  // namespace

ChangeQuery MakeChangeQuery(ast::Update update) {
  ChangeQuery change;
  change.table = update.table;
  change.updates = true;
  for (const ast::Assignment& assignment : update.assignments) {
    change.targets.push_back(assignment.column);
    change.literals.push_back(std::holds_alternative<ast::Literal>(assignment.value->node));
  }
  std::vector<ast::Assignment> assignments = std::move(update.assignments);
  change.query = MakeQuery(update, std::move(assignments));
  return change;
}

ChangeQuery MakeChangeQuery(ast::Delete removal) {
  ChangeQuery change;
  change.table = removal.table;
  change.query = MakeQuery(removal, {});
  return change;
}

ChangePlan PlanChange(const ChangeQuery& change, const PlanContext& context) {
  return ChangeBinder(change, context).Bind();
}

}  // namespace millrace
