// Calls: built-in functions, SQL functions, and those that are other expressions in disguise.
#include <algorithm>

#include "planner/expr_binder.h"
#include "planner/names.h"
#include "types/cast.h"

namespace millrace {
namespace {

constexpr size_t kMaxInlineDepth = 64;
constexpr std::string_view kWindowFunctions[] = {"tumble",          "hop",
                                                 "session",         "tumble_start",
                                                 "tumble_end",      "tumble_rowtime",
                                                 "tumble_proctime", "hop_start",
                                                 "hop_end",         "hop_rowtime",
                                                 "hop_proctime",    "session_start",
                                                 "session_end",     "session_rowtime",
                                                 "session_proctime"};
constexpr std::string_view kRankingFunctions[] = {
    "row_number", "rank", "dense_rank", "percent_rank", "ntile", "cume_dist", "lag", "lead"};
// Flink's functions that may not be there yet: not a misspelling, whatever else is like them.
constexpr std::string_view kNotBuilt[] = {"bitmap_and",
                                          "bitmap_build",
                                          "bitmap_cardinality",
                                          "bitmap_or",
                                          "convert_tz",
                                          "decode",
                                          "elt",
                                          "encode",
                                          "json_array",
                                          "json_arrayagg",
                                          "json_exists",
                                          "json_object",
                                          "json_objectagg",
                                          "json_query",
                                          "json_quote",
                                          "json_string",
                                          "json_unquote",
                                          "json_value",
                                          "parse_json",
                                          "parse_url",
                                          "printf",
                                          "regexp_count",
                                          "regexp_extract_all",
                                          "regexp_instr",
                                          "regexp_substr",
                                          "translate",
                                          "try_parse_json",
                                          "url_decode",
                                          "url_encode"};
// Bound by BindSpecial.
constexpr std::string_view kSpecialFunctions[] = {"coalesce", "if",     "ifnull",
                                                  "nullif",   "typeof", "current_database"};

template <class List>
bool Contains(const List& list, std::string_view name) {
  return std::ranges::find(list, name) != std::end(list);
}

std::string Upper(std::string_view name) {
  std::string upper(name);
  for (char& c : upper) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  return upper;
}

// How operators are spelled in messages.
std::string Spelling(std::string_view name) {
  if (name == "negate") return "-";
  if (name == "[]") return "[ ]";
  std::string spelling = Upper(name);
  std::ranges::replace(spelling, '_', ' ');
  return spelling;
}

std::string TypesOf(std::span<const ExprPtr> arguments) {
  std::string text;
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (i > 0) text += i + 1 == arguments.size() ? " and " : ", ";
    text += arguments[i]->type.AsNullable().ToString();
  }
  return text;
}

void CheckCount(std::string_view name, const ast::FunctionCall& call, size_t least, size_t most,
                SourceRange range) {
  const size_t count = call.args.size();
  if (count >= least && count <= most) return;
  std::string wanted = std::to_string(least);
  if (most != least) wanted = "at least " + wanted;
  throw Error(ErrorCode::kFunctionNotFound,
              Upper(name) + " takes " + wanted + (least == 1 ? " argument" : " arguments") +
                  ", not " + std::to_string(count),
              range);
}

}  // namespace

bool IsAggregateCall(const ast::FunctionCall& call) {
  return call.name.parts.size() == 1 &&
         BuiltinFunctions().HasAggregate(Lower(call.name.parts[0].text));
}

ExprPtr ExprBinder::Call(std::string_view name, std::vector<ExprPtr> arguments,
                         SourceRange range) const {
  std::vector<Type> types;
  for (const ExprPtr& argument : arguments) types.push_back(argument->type);
  try {
    ResolvedScalar function = BuiltinFunctions().ResolveScalar(name, types);
    for (size_t i = 0; i < arguments.size(); ++i) {
      arguments[i] = Coerce(std::move(arguments[i]), function.parameters[i], zone_);
    }
    CallExpr call{std::move(function.name), std::move(function.kernel), std::move(arguments),
                  function.deterministic};
    return Fold(
        std::make_shared<const Expr>(Expr{std::move(function.result), range, std::move(call)}),
        zone_);
  } catch (Error& error) {
    if (!error.range) error.range = range;
    throw;
  }
}

ExprPtr ExprBinder::Operator(std::string_view name, std::vector<ExprPtr> arguments,
                             SourceRange range) const {
  std::string types = TypesOf(arguments);
  try {
    return Call(name, std::move(arguments), range);
  } catch (const Error& error) {
    if (error.code != ErrorCode::kFunctionNotFound) throw;
    throw Error(ErrorCode::kTypeMismatch,
                "operator " + Spelling(name) + " does not take " + std::move(types), range,
                "convert an operand with CAST");
  }
}

std::vector<ExprPtr> ExprBinder::BindArguments(const ast::FunctionCall& call) {
  std::vector<ExprPtr> arguments;
  for (const ast::FunctionArg& arg : call.args) {
    if (arg.name) {
      throw Error(ErrorCode::kUnsupportedFeature, "named arguments are for table functions only",
                  inlined_at_.value_or(arg.name->range));
    }
    arguments.push_back(Bind(*arg.value));
  }
  return arguments;
}

void ExprBinder::RefuseClauses(const ast::FunctionCall& call, std::string_view name,
                               SourceRange range) const {
  const bool window_only = Contains(kRankingFunctions, name);
  if (call.over) {
    throw Error(ErrorCode::kBadRequest,
                "a window function (" + Upper(name) + " … OVER) is not allowed " +
                    (clause_.empty() ? "here" : "in " + clause_),
                range, "conditions on window functions belong in QUALIFY");
  }
  if (window_only) {
    throw Error(ErrorCode::kBadRequest, Upper(name) + " needs an OVER clause", range);
  }
  if (Contains(kWindowFunctions, name)) {
    const std::string window = Upper(name.substr(0, name.find('_')));
    throw Error(ErrorCode::kBadRequest, Upper(name) + " needs GROUP BY " + window + "(…)", range);
  }
  if (call.name.parts.size() == 1 && BuiltinFunctions().HasAggregate(name)) {
    const std::string where = clause_.empty() ? "here" : "in " + clause_;
    throw Error(ErrorCode::kBadRequest,
                "aggregate function " + Upper(name) + " is not allowed " + where, range,
                clause_ == "WHERE" ? "conditions on aggregates belong in HAVING" : "");
  }
  if (!call.clauses.empty()) {
    throw Error(ErrorCode::kUnsupportedFeature,
                Upper(name) + " with " + call.clauses[0].words + " is not supported yet", range);
  }
  if (call.distinct || call.filter || !call.order_by.empty()) {
    const char* what = call.distinct ? "DISTINCT" : call.filter ? "FILTER" : "ORDER BY";
    throw Error(ErrorCode::kBadRequest,
                std::string(what) + " is for aggregate functions, which " + Upper(name) + " is not",
                range);
  }
  if (call.nulls != ast::NullTreatment::kDefault) {
    throw Error(ErrorCode::kBadRequest, "IGNORE NULLS is for aggregate functions", range);
  }
}

ExprPtr ExprBinder::Coalesce(std::vector<ExprPtr> arguments, SourceRange range) const {
  Type type = Unify(arguments, "the arguments of COALESCE");
  std::vector<std::pair<ExprPtr, ExprPtr>> whens;
  ExprPtr otherwise;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const ExprPtr& argument = arguments[i];
    otherwise = argument;
    if (!argument->type.nullable) break;
    if (IsNullLiteral(*argument) || i + 1 == arguments.size()) continue;
    whens.emplace_back(Call("is_not_null", {argument}, range), argument);
  }
  if (whens.empty()) return otherwise;
  type.nullable = otherwise->type.nullable;
  return Fold(std::make_shared<const Expr>(
                  Expr{type, range, CaseExpr{std::move(whens), std::move(otherwise)}}),
              zone_);
}

ExprPtr ExprBinder::BindSpecial(std::string_view name, const ast::FunctionCall& call,
                                SourceRange range, bool* special) {
  *special = Contains(kSpecialFunctions, name);
  if (!*special) return nullptr;
  if (name == "current_database") {
    CheckCount(name, call, 0, 0, range);
    return MakeLiteral({context_.session->database}, TypeId::kString, range);
  }
  if (name == "coalesce") {
    CheckCount(name, call, 1, call.args.size(), range);
    return Coalesce(BindArguments(call), range);
  }
  if (name == "if") {
    CheckCount(name, call, 3, 3, range);
    ExprPtr condition = BindBoolean(*call.args[0].value, "the condition of IF");
    ExprPtr yes = Bind(*call.args[1].value);
    return MakeCase({{std::move(condition), std::move(yes)}}, Bind(*call.args[2].value), range);
  }
  if (name == "typeof") {
    CheckCount(name, call, 1, 2, range);
    return MakeLiteral({Bind(*call.args[0].value)->type.ToString()}, TypeId::kString, range);
  }
  CheckCount(name, call, 2, 2, range);
  std::vector<ExprPtr> arguments = BindArguments(call);
  if (name == "ifnull") return Coalesce(std::move(arguments), range);
  ExprPtr null = MakeLiteral({}, TypeId::kNull, range);
  ExprPtr equal = Compare("=", arguments[0], arguments[1], range);
  return MakeCase({{std::move(equal), std::move(null)}}, std::move(arguments[0]), range);
}

ExprPtr ExprBinder::Inline(const SqlFunction& function, const ast::FunctionCall& call,
                           SourceRange range) {
  size_t depth = 0;
  for (const InlineFrame* frame = frame_; frame != nullptr; frame = frame->outer) {
    if (frame->function == &function || ++depth > kMaxInlineDepth) {
      throw Error(ErrorCode::kBadRequest, "function \"" + function.name + "\" calls itself", range);
    }
  }
  const size_t count = function.parameters.size();
  if (call.args.size() != count) CheckCount(function.name, call, count, count, range);
  std::vector<ExprPtr> arguments = BindArguments(call);
  Scope scope;
  for (size_t i = 0; i < count; ++i) {
    const auto& [name, type] = function.parameters[i];
    ExprPtr argument = CoerceStringLiteral(std::move(arguments[i]), type, zone_);
    const CastKind kind = CastKindOf(argument->type, type);
    if (!IsNullLiteral(*argument) && (kind == CastKind::kNone || kind == CastKind::kExplicit)) {
      throw Error(ErrorCode::kTypeMismatch,
                  "argument \"" + name + "\" of " + function.name + " is " + type.ToString() +
                      ", but this is " + argument->type.ToString(),
                  argument->range);
    }
    scope.bindings.emplace_back(name, Coerce(std::move(argument), type, zone_));
  }
  const InlineFrame frame{&function, frame_};
  ExprBinder body(scope, context_, clause_, /*notices=*/nullptr);
  body.inlined_at_ = range;
  body.frame_ = &frame;
  try {
    return Coerce(body.Bind(*function.body), function.result, zone_);
  } catch (Error& error) {
    error.range = range;
    error.message = "in function \"" + function.name + "\": " + error.message;
    throw;
  }
}

void ExprBinder::ThrowUnknownFunction(const ast::FunctionCall& call) const {
  const ast::Name& name = call.name.parts.back();
  if (Contains(kNotBuilt, Lower(name.text))) {
    throw Error(ErrorCode::kUnsupportedFeature,
                "function " + Upper(Lower(name.text)) + " is not supported yet",
                inlined_at_.value_or(call.name.range));
  }
  std::vector<std::string> names = BuiltinFunctions().Names();
  for (std::string_view special : kSpecialFunctions) names.emplace_back(special);
  for (const SqlFunction* function : context_.catalog->ListFunctions()) {
    names.push_back(function->name);
  }
  const std::vector<std::string_view> candidates(names.begin(), names.end());
  throw Error(ErrorCode::kFunctionNotFound, "function \"" + name.text + "\" does not exist",
              inlined_at_.value_or(call.name.range), DidYouMean(name.text, candidates));
}

ExprPtr ExprBinder::BindNode(const ast::FunctionCall& call, SourceRange range) {
  const std::string name = Lower(call.name.parts.back().text);
  const bool plain = call.name.parts.size() == 1;
  RefuseClauses(call, name, range);
  if (plain) {
    bool special = false;
    ExprPtr bound = BindSpecial(name, call, range, &special);
    if (special) return bound;
    if (name == "source_watermark") {
      throw Error(ErrorCode::kBadRequest, "SOURCE_WATERMARK() is for WATERMARK clauses only",
                  range);
    }
    if (BuiltinFunctions().HasScalar(name)) return Call(name, BindArguments(call), range);
  }
  if (const SqlFunction* function = context_.catalog->FindFunction(name)) {
    return Inline(*function, call, range);
  }
  ThrowUnknownFunction(call);
}

}  // namespace millrace
