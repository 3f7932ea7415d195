#include <algorithm>
#include <cctype>
#include <string>

#include "parser/keywords.h"
#include "parser/sql_writer.h"

namespace millrace {
namespace {

// How tightly an expression binds, as the grammar has it.
constexpr int kOr = 1;
constexpr int kAnd = 2;
constexpr int kNot = 3;
constexpr int kPredicate = 4;
constexpr int kSum = 5;  // The loosest that may be an operand of a predicate.
constexpr int kProduct = 6;
constexpr int kSign = 7;
constexpr int kPostfix = 8;
constexpr int kPrimary = 9;

int LevelOf(ast::BinaryOp op) {
  using Op = ast::BinaryOp;
  switch (op) {
    case Op::kOr:
      return kOr;
    case Op::kAnd:
      return kAnd;
    case Op::kAdd:
    case Op::kSubtract:
      return kSum;
    case Op::kMultiply:
    case Op::kDivide:
    case Op::kModulo:
    case Op::kConcat:
      return kProduct;
    default:
      return kPredicate;
  }
}

std::string_view SymbolOf(ast::BinaryOp op) {
  constexpr std::string_view kSymbols[] = {" OR ",
                                           " AND ",
                                           " = ",
                                           " <> ",
                                           " < ",
                                           " <= ",
                                           " > ",
                                           " >= ",
                                           " IS DISTINCT FROM ",
                                           " IS NOT DISTINCT FROM ",
                                           " OVERLAPS ",
                                           " + ",
                                           " - ",
                                           " * ",
                                           " / ",
                                           " % ",
                                           " || "};
  return kSymbols[static_cast<size_t>(op)];
}

struct LevelVisitor {
  int operator()(const ast::Unary& unary) const {
    return unary.op == ast::UnaryOp::kNot ? kNot : kSign;
  }
  int operator()(const ast::Binary& binary) const { return LevelOf(binary.op); }
  int operator()(const ast::IsPredicate&) const { return kPredicate; }
  int operator()(const ast::Between&) const { return kPredicate; }
  int operator()(const ast::Like&) const { return kPredicate; }
  int operator()(const ast::InList&) const { return kPredicate; }
  int operator()(const ast::InSubquery&) const { return kPredicate; }
  int operator()(const ast::Quantified&) const { return kPredicate; }
  int operator()(const ast::Index&) const { return kPostfix; }
  int operator()(const ast::FieldAccess&) const { return kPostfix; }
  template <typename Other>
  int operator()(const Other&) const {
    return kPrimary;
  }
};

std::string UpperWord(const ast::QualifiedName& name) {
  if (name.parts.size() != 1) return {};
  std::string word = name.parts[0].text;
  for (char& c : word) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return word;
}

// The text of a string literal, or "".
std::string_view StringOf(const ast::FunctionArg& arg) {
  const auto* literal = std::get_if<ast::Literal>(&arg.value->node);
  return literal != nullptr && literal->kind == ast::LiteralKind::kString ? literal->text
                                                                          : std::string_view{};
}

// Nothing behind the brackets.
bool IsPlain(const ast::FunctionCall& call) {
  return call.nulls == ast::NullTreatment::kDefault && call.order_by.empty() &&
         call.filter == nullptr && call.over == nullptr;
}

// JSON_OBJECT and JSON_OBJECTAGG take keys and values in turn.
bool TakesPairs(const ast::FunctionCall& call) {
  return UpperWord(call.name).starts_with("JSON_OBJECT") && call.args.size() % 2 == 0 &&
         std::none_of(call.args.begin(), call.args.end(),
                      [](const ast::FunctionArg& arg) { return arg.name.has_value(); });
}

}  // namespace

void SqlWriter::Write(const ast::Expr& expr, int level) {
  const bool bracket = std::visit(LevelVisitor{}, expr.node) < level;
  AddIf(bracket, "(");
  std::visit([this](const auto& node) { Node(node); }, expr.node);
  AddIf(bracket, ")");
}

// `(column).field` would be a column of two parts without the brackets, `1.x` a number.
void SqlWriter::Operand(const ast::Expr& expr) {
  const auto* call = std::get_if<ast::FunctionCall>(&expr.node);
  const bool bracket = std::holds_alternative<ast::ColumnRef>(expr.node) ||
                       std::holds_alternative<ast::Literal>(expr.node) ||
                       std::holds_alternative<ast::TableArg>(expr.node) ||
                       (call != nullptr && call->niladic);
  AddIf(bracket, "(");
  Write(expr, bracket ? 0 : kPostfix);
  AddIf(bracket, ")");
}

void SqlWriter::Node(const ast::Literal& literal) {
  using K = ast::LiteralKind;
  constexpr std::string_view kHex = "0123456789ABCDEF";
  switch (literal.kind) {
    case K::kNull:
    case K::kBoolean:
    case K::kInteger:
    case K::kDecimal:
    case K::kApproximate:
      Add(literal.text);
      return;
    case K::kBinary:
      Add("X'");
      for (const char c : literal.text) {
        const auto byte = static_cast<unsigned char>(c);
        text_ += kHex[byte >> 4];
        text_ += kHex[byte & 15];
      }
      Add("'");
      return;
    case K::kInterval:
      Add(literal.negative ? "INTERVAL -" : "INTERVAL ");
      String(literal.text);
      Add(" ");
      Qualifier(literal.interval);
      return;
    default:
      AddIf(literal.kind == K::kDate, "DATE ").AddIf(literal.kind == K::kTime, "TIME ");
      AddIf(literal.kind == K::kTimestamp, "TIMESTAMP ");
      AddIf(literal.kind == K::kTimestampLtz, "TIMESTAMP_LTZ ");
      String(literal.text);
  }
}

void SqlWriter::Node(const ast::ColumnRef& column) {
  List(
      column.parts, [this](const ast::Name& part) { Write(part); }, ".");
}

void SqlWriter::Node(const ast::Star& star) {
  if (star.qualifier) {
    Write(*star.qualifier);
    Add(".");
  }
  Add("*");
}

void SqlWriter::Node(const ast::Unary& unary) {
  if (unary.op == ast::UnaryOp::kNot) {
    Add("NOT ");
    Write(*unary.operand, kNot);
    return;
  }
  Add(unary.op == ast::UnaryOp::kMinus ? "-" : "+");
  // Two signs in a row would be a comment.
  const bool signed_operand = std::holds_alternative<ast::Unary>(unary.operand->node);
  Write(*unary.operand, signed_operand ? kPostfix : kSign);
}

void SqlWriter::Node(const ast::Binary& binary) {
  const int level = LevelOf(binary.op);
  Write(*binary.left, level);
  Add(SymbolOf(binary.op));
  Write(*binary.right, level + 1);
}

void SqlWriter::Node(const ast::IsPredicate& is) {
  constexpr std::string_view kNames[] = {"NULL", "TRUE",        "FALSE",      "UNKNOWN",
                                         "JSON", "JSON SCALAR", "JSON ARRAY", "JSON OBJECT"};
  Write(*is.operand, kPredicate);
  Add(is.negated ? " IS NOT " : " IS ").Add(kNames[static_cast<size_t>(is.predicate)]);
}

void SqlWriter::Node(const ast::Between& between) {
  Write(*between.value, kPredicate);
  AddIf(between.negated, " NOT").Add(between.symmetric ? " BETWEEN SYMMETRIC " : " BETWEEN ");
  Write(*between.low, kSum);
  Add(" AND ");
  Write(*between.high, kSum);
}

void SqlWriter::Node(const ast::Like& like) {
  constexpr std::string_view kNames[] = {" LIKE ", " ILIKE ", " SIMILAR TO "};
  Write(*like.value, kPredicate);
  AddIf(like.negated, " NOT").Add(kNames[static_cast<size_t>(like.kind)]);
  Write(*like.pattern, kSum);
  if (like.escape == nullptr) return;
  Add(" ESCAPE ");
  Write(*like.escape, kSum);
}

void SqlWriter::Node(const ast::InList& in) {
  Write(*in.value, kPredicate);
  Add(in.negated ? " NOT IN (" : " IN (");
  Expressions(in.items);
  Add(")");
}

void SqlWriter::Node(const ast::InSubquery& in) {
  Write(*in.value, kPredicate);
  Add(in.negated ? " NOT IN (" : " IN (");
  Write(*in.query);
  Add(")");
}

void SqlWriter::Node(const ast::Exists& exists) {
  Add("EXISTS (");
  Write(*exists.query);
  Add(")");
}

void SqlWriter::Node(const ast::ScalarSubquery& subquery) {
  Add("(");
  Write(*subquery.query);
  Add(")");
}

void SqlWriter::Node(const ast::Quantified& quantified) {
  Write(*quantified.value, kPredicate);
  Add(SymbolOf(quantified.op)).Add(quantified.all ? "ALL (" : "ANY (");
  Write(*quantified.query);
  Add(")");
}

void SqlWriter::Node(const ast::Case& expr) {
  Add("CASE");
  if (expr.operand != nullptr) {
    Add(" ");
    Write(*expr.operand);
  }
  for (const ast::WhenClause& when : expr.whens) {
    Add(" WHEN ");
    Write(*when.condition);
    Add(" THEN ");
    Write(*when.result);
  }
  if (expr.otherwise != nullptr) {
    Add(" ELSE ");
    Write(*expr.otherwise);
  }
  Add(" END");
}

void SqlWriter::Node(const ast::Cast& cast) {
  Add(cast.try_cast ? "TRY_CAST(" : "CAST(");
  Write(*cast.operand);
  Add(" AS ");
  Write(cast.type);
  Add(")");
}

void SqlWriter::Node(const ast::RowConstructor& row) {
  Add("ROW(");
  Expressions(row.fields);
  Add(")");
}

void SqlWriter::Node(const ast::ArrayConstructor& array) {
  Add("ARRAY[");
  Expressions(array.elements);
  Add("]");
}

void SqlWriter::Node(const ast::MapConstructor& map) {
  Add("MAP[");
  Expressions(map.entries);
  Add("]");
}

void SqlWriter::Node(const ast::Index& index) {
  const bool column = std::holds_alternative<ast::ColumnRef>(index.operand->node);
  column ? Write(*index.operand) : Operand(*index.operand);
  Add("[");
  Write(*index.index);
  Add("]");
}

void SqlWriter::Node(const ast::FieldAccess& access) {
  Operand(*access.operand);
  Add(".");
  Write(access.field);
}

void SqlWriter::Node(const ast::Descriptor& descriptor) {
  Add("DESCRIPTOR(");
  List(descriptor.columns, [this](const ast::Name& column) { Write(column); });
  Add(")");
}

void SqlWriter::Node(const ast::TableArg& arg) {
  Add("TABLE ");
  if (arg.query != nullptr) {
    Add("(");
    Write(*arg.query);
    Add(")");
  } else {
    Write(arg.name);
  }
  if (!arg.partition_by.empty()) {
    Add(" PARTITION BY (");
    Expressions(arg.partition_by);
    Add(")");
  }
  if (!arg.order_by.empty()) {
    SqlWriter keys;
    keys.OrderBy("", arg.order_by);
    Add(" ORDER BY (").Add(std::string_view(keys.text_).substr(9)).Add(")");
  }
}

void SqlWriter::Node(const ast::Parameter& parameter) {
  Add("$").Add(std::to_string(parameter.number));
}

// ---------------------------------------------------------------------------------- function calls

void SqlWriter::Node(const ast::FunctionCall& call) {
  FunctionName(call.name);
  if (call.niladic) return;
  Add("(");
  if (!SpecialArguments(call)) Arguments(call);
  Add(")");
  AddIf(call.nulls == ast::NullTreatment::kIgnore, " IGNORE NULLS");
  AddIf(call.nulls == ast::NullTreatment::kRespect, " RESPECT NULLS");
  if (!call.order_by.empty()) {
    OrderBy(" WITHIN GROUP (", call.order_by);
    Add(")");
  }
  if (call.filter != nullptr) {
    Add(" FILTER (WHERE ");
    Write(*call.filter);
    Add(")");
  }
  if (call.over == nullptr) return;
  Add(" OVER ");
  const ast::WindowSpec& over = *call.over;
  if (over.base && over.partition_by.empty() && over.order_by.empty() && !over.frame) {
    Write(*over.base);
    return;
  }
  Add("(");
  Window(over);
  Add(")");
}

// The spellings that Flink insists on.
bool SqlWriter::SpecialArguments(const ast::FunctionCall& call) {
  const std::string word = UpperWord(call.name);
  const auto& args = call.args;
  if (args.size() < 2 || call.distinct || !call.clauses.empty()) return false;
  for (const ast::FunctionArg& arg : args) {
    if (arg.name) return false;
  }
  const bool rounds = word == "FLOOR" || word == "CEIL" || word == "CEILING";
  if (word == "EXTRACT" && args.size() == 2 && IsTimeUnit(StringOf(args[0]))) {
    Add(StringOf(args[0])).Add(" FROM ");
    Write(*args[1].value);
  } else if (rounds && args.size() == 2 && IsTimeUnit(StringOf(args[1]))) {
    Write(*args[0].value);
    Add(" TO ").Add(StringOf(args[1]));
  } else if (word.starts_with("TIMESTAMP") && args.size() == 3 && IsTimeUnit(StringOf(args[0]))) {
    Add(StringOf(args[0])).Add(", ");
    Write(*args[1].value);
    Add(", ");
    Write(*args[2].value);
  } else if (const auto side = StringOf(args[0]);
             word == "TRIM" && args.size() == 3 &&
             (side == "BOTH" || side == "LEADING" || side == "TRAILING")) {
    Add(side).Add(" ");
    Write(*args[1].value);
    Add(" FROM ");
    Write(*args[2].value);
  } else if (word == "POSITION" && args.size() == 2 && IsPlain(call)) {
    Write(*args[0].value, kSum);
    Add(" IN ");
    Write(*args[1].value, kSum);
  } else if (word == "OVERLAY" && args.size() >= 3 && args.size() <= 4) {
    constexpr std::string_view kWords[] = {"", " PLACING ", " FROM ", " FOR "};
    for (size_t i = 0; i < args.size(); ++i) {
      Add(kWords[i]);
      Write(*args[i].value);
    }
  } else {
    return false;
  }
  return true;
}

void SqlWriter::Arguments(const ast::FunctionCall& call) {
  AddIf(call.distinct, "DISTINCT ");
  const bool pairs = TakesPairs(call);
  for (size_t i = 0; i < call.args.size(); ++i) {
    const bool value = pairs && i % 2 == 1;
    AddIf(i > 0 && !value, ", ").AddIf(pairs, value ? " VALUE " : "KEY ");
    if (call.args[i].name) {
      Write(*call.args[i].name);
      Add(" => ");
    }
    // POSITION(a IN (b)) has two arguments, so an IN of its own goes in brackets.
    const bool sole_position = call.args.size() == 1 && UpperWord(call.name) == "POSITION";
    Write(*call.args[i].value, sole_position ? kSum : 0);
  }
  for (const ast::FunctionClause& clause : call.clauses) {
    AddIf(text_.back() != '(', " ");
    Clause(clause);
  }
}

void SqlWriter::Clause(const ast::FunctionClause& clause) {
  const size_t first_word = std::min(clause.words.find(' '), clause.words.size());
  Add(std::string_view(clause.words).substr(0, first_word));
  if (clause.type) {
    Add(" ");
    Write(*clause.type);
  }
  if (clause.value != nullptr) {
    Add(" ");
    Write(*clause.value, kSum);
  }
  Add(std::string_view(clause.words).substr(first_word));
}

void SqlWriter::Window(const ast::WindowSpec& spec) {
  if (spec.base) Write(*spec.base);
  AddIf(spec.base && !spec.partition_by.empty(), " ");
  PartitionBy(spec.partition_by);
  const bool any = spec.base || !spec.partition_by.empty();
  OrderBy(any ? " " : "", spec.order_by);
  if (!spec.frame) return;
  AddIf(any || !spec.order_by.empty(), " ").Add(spec.frame->rows ? "ROWS " : "RANGE ");
  AddIf(spec.frame->end.has_value(), "BETWEEN ");
  Bound(spec.frame->start);
  if (!spec.frame->end) return;
  Add(" AND ");
  Bound(*spec.frame->end);
}

void SqlWriter::Bound(const ast::FrameBound& bound) {
  constexpr std::string_view kNames[] = {"UNBOUNDED PRECEDING", " PRECEDING", "CURRENT ROW",
                                         " FOLLOWING", "UNBOUNDED FOLLOWING"};
  if (bound.offset != nullptr) Write(*bound.offset, kSum);
  Add(kNames[static_cast<size_t>(bound.kind)]);
}

}  // namespace millrace
