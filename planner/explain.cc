// EXPLAIN's text. It is the same from run to run: plan snapshots in tests compare it.
#include <algorithm>
#include <array>

#include "fmt/format.h"
#include "fmt/ranges.h"
#include "planner/aggregate_form.h"
#include "planner/join.h"
#include "planner/planner.h"
#include "planner/properties.h"
#include "planner/top_n.h"

namespace millrace {
namespace {

// "10 s", "1500 ms": in the largest unit that divides it.
std::string Duration(int64_t micros) {
  struct Unit {
    int64_t micros;
    std::string_view name;
  };
  constexpr std::array<Unit, 5> kUnits = {{{kMicrosPerDay, "d"},
                                           {3600 * kMicrosPerSecond, "h"},
                                           {60 * kMicrosPerSecond, "min"},
                                           {kMicrosPerSecond, "s"},
                                           {kMicrosPerMilli, "ms"}}};
  for (const Unit& unit : kUnits) {
    if (micros % unit.micros == 0) return fmt::format("{} {}", micros / unit.micros, unit.name);
  }
  return fmt::format("{} us", micros);
}

std::string Columns(const std::vector<size_t>& columns, const Schema& schema) {
  std::vector<std::string_view> names;
  for (size_t column : columns) names.push_back(schema[column].name);
  return fmt::format("({})", fmt::join(names, ", "));
}

// A system's or table's columns by their own names.
template <class ColumnList>
std::vector<std::string> Pick(const std::vector<size_t>& indices, const ColumnList& columns) {
  std::vector<std::string> names;
  for (size_t index : indices) names.push_back(columns[index].name);
  return names;
}

std::string_view NameOf(const Join& join) {
  switch (join.kind) {
    case JoinKind::kInner:
      return join.left_keys.empty() && !join.residual ? "CrossJoin" : "InnerJoin";
    case JoinKind::kLeft:
      return "LeftJoin";
    case JoinKind::kRight:
      return "RightJoin";
    case JoinKind::kFull:
      return "FullJoin";
    case JoinKind::kSemi:
      return "SemiJoin";
    case JoinKind::kAnti:
      return "AntiJoin";
  }
  return "";
}

std::string_view NameOf(TopN::Rank rank) {
  switch (rank) {
    case TopN::Rank::kRowNumber:
      return "ROW_NUMBER";
    case TopN::Rank::kRank:
      return "RANK";
    case TopN::Rank::kDenseRank:
      return "DENSE_RANK";
  }
  return "";
}

std::string UpperCase(std::string name) {
  for (char& c : name) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  return name;
}

class NodeText {
 public:
  // `common`: the number of the common subplan that it reads, if it is such a leaf.
  NodeText(const Node& node, size_t common) : node_(node), common_(common) {
    if (!node.inputs.empty()) inputs_ = NamesOf(node.inputs[0]->schema);
  }

  std::string Text() const {
    return std::visit([this](const auto& op) { return Describe(op); }, node_.op);
  }

 private:
  std::string Describe(const ScanTable& scan) const {
    std::vector<TableColumn> physical;
    for (const TableColumn& column : scan.table->columns) {
      if (column.kind == TableColumn::Kind::kPhysical) physical.push_back(column);
    }
    std::vector<std::string> names;
    for (size_t i = 0; i < scan.columns.size(); ++i) {
      names.push_back(physical[scan.columns[i]].name);
      if (!scan.fields[i].empty()) {
        names.back() += fmt::format("({})", fmt::join(scan.fields[i], ", "));
      }
    }
    for (const std::string& key : scan.metadata) names.push_back(fmt::format("metadata '{}'", key));
    if (scan.arrival) names.push_back("order of arrival");
    return fmt::format("ScanTable {} ({})", scan.table->name, fmt::join(names, ", "));
  }
  std::string Describe(const ScanView& scan) const {
    return fmt::format("ScanView {} ({})", scan.view->name,
                       fmt::join(Pick(scan.columns, scan.view->columns), ", "));
  }
  std::string Describe(const ScanSystem& scan) const {
    return fmt::format("ScanSystem {} ({})", scan.name, fmt::join(NamesOf(node_.schema), ", "));
  }
  std::string Describe(const ScanCommon& scan) const {
    std::vector<std::string> names = Pick(scan.columns, scan.common->root->schema);
    for (size_t i = 0; i < names.size(); ++i) {
      if (scan.fields[i].empty()) continue;
      names[i] += fmt::format("({})", fmt::join(scan.fields[i], ", "));
    }
    const std::string& name = scan.common->name;
    return fmt::format("Common #{}{}{} ({})", common_, name.empty() ? "" : " ", name,
                       fmt::join(names, ", "));
  }
  std::string Describe(const ValuesRows& values) const {
    return fmt::format("Values ({}) {} row{}", fmt::join(NamesOf(node_.schema), ", "),
                       values.rows.size(), values.rows.size() == 1 ? "" : "s");
  }
  std::string Describe(const Watermark& watermark) const {
    std::string text =
        fmt::format("Watermark for {} as {}", node_.schema[watermark.column].name,
                    watermark.expr ? ToString(*watermark.expr, inputs_) : "SOURCE_WATERMARK()");
    if (watermark.idle_timeout_micros > 0) {
      text += fmt::format(" [idle after {}]", Duration(watermark.idle_timeout_micros));
    }
    return text;
  }
  std::string Describe(const Filter& filter) const {
    return "Filter " + ToString(*filter.predicate, inputs_);
  }
  std::string Describe(const Project& project) const {
    std::vector<std::string> items;
    for (size_t i = 0; i < project.exprs.size(); ++i) {
      std::string text = ToString(*project.exprs[i], inputs_);
      const std::string& name = node_.schema[i].name;
      items.push_back(text == name ? text : fmt::format("{} AS {}", text, name));
    }
    return fmt::format("Project ({})", fmt::join(items, ", "));
  }
  std::string Describe(const AssignWindows& windows) const {
    std::string text;
    switch (windows.kind) {
      case AssignWindows::Kind::kTumble:
        text = fmt::format("TUMBLE(size {}", Duration(windows.size));
        break;
      case AssignWindows::Kind::kHop:
        text =
            fmt::format("HOP(slide {}, size {}", Duration(windows.slide), Duration(windows.size));
        break;
      case AssignWindows::Kind::kCumulate:
        text = fmt::format("CUMULATE(step {}, size {}", Duration(windows.slide),
                           Duration(windows.size));
        break;
      case AssignWindows::Kind::kSession:
        text = fmt::format("SESSION(gap {}", Duration(windows.size));
        break;
    }
    if (windows.offset != 0) text += fmt::format(", offset {}", Duration(windows.offset));
    text = fmt::format("AssignWindows {}) on {}", text, inputs_[windows.time_column]);
    if (!windows.zone.empty()) text += " in " + windows.zone;
    return windows.kind == AssignWindows::Kind::kSession ? text + SessionText(windows) : text;
  }
  std::string SessionText(const AssignWindows& windows) const {
    std::string text;
    if (!windows.partition.empty()) {
      text += " partition by " + Columns(windows.partition, node_.inputs[0]->schema);
    }
    text += windows.event_time ? " [window: closes at watermark >= window_end - 1 ms"
                               : " [window: closes by the clock at window_end";
    if (windows.late_after > 0) text += fmt::format(" + {}", Duration(windows.late_after));
    text += windows.emit_on_close ? ", emit: on close" : ", emit: changes";
    if (windows.decides_late) text += ", decides what is late";
    return text + "]";
  }
  std::string Describe(const Expand& expand) const {
    std::vector<std::string> sets;
    for (const std::vector<bool>& set : expand.sets) {
      std::vector<size_t> keys;
      for (size_t k = 0; k < set.size(); ++k) {
        if (set[k]) keys.push_back(expand.keys[k]);
      }
      sets.push_back(Columns(keys, node_.inputs[0]->schema));
    }
    return fmt::format("Expand to grouping sets {}", fmt::join(sets, ", "));
  }
  std::string Describe(const Aggregate& aggregate) const {
    std::string text = aggregate.calls.empty() ? "Distinct" : "Aggregate";
    std::vector<std::string> calls;
    for (const AggregateCall& call : aggregate.calls) {
      calls.push_back(CallText(call));
      const std::string& name = node_.schema[aggregate.keys.size() + calls.size() - 1].name;
      if (name != calls.back()) calls.back() += " AS " + name;
    }
    if (!aggregate.keys.empty()) {
      text += fmt::format("{} {}", aggregate.calls.empty() ? "" : " group by",
                          Columns(aggregate.keys, node_.inputs[0]->schema));
    }
    if (!calls.empty()) text += fmt::format(" calls ({})", fmt::join(calls, ", "));
    if (aggregate.window_end) text += WindowText(aggregate, aggregate.keys[*aggregate.window_end]);
    return text;
  }
  std::string CallText(const AggregateCall& call) const {
    std::string text =
        fmt::format("{}({}{})", UpperCase(call.function.name), call.distinct ? "DISTINCT " : "",
                    call.argument ? inputs_[*call.argument] : "*");
    if (call.weight) text += fmt::format(" times {}", inputs_[*call.weight]);
    if (call.filter) text += fmt::format(" FILTER (WHERE {})", inputs_[*call.filter]);
    return text;
  }
  // Of an Aggregate, TopN or Over.
  template <class Op>
  std::string WindowText(const Op& op, size_t end) const {
    const WindowColumns& window = node_.inputs[0]->properties.window;
    std::string text =
        window.proctime ? fmt::format(" [window: closes by the clock at {}", inputs_[end])
        : window.local
            ? fmt::format(" [window: closes at watermark >= {}", inputs_[end])
            : fmt::format(" [window: closes at watermark >= {} - 1 ms", inputs_[end]);
    const int64_t grace = op.emit_on_close ? op.grace : 0;
    if (grace > 0) text += fmt::format(" + {}", Duration(grace));
    if (op.allowed_lateness > 0) {
      text += fmt::format(", updates for another {}", Duration(op.allowed_lateness));
    }
    text += op.emit_on_close ? ", emit: on close" : ", emit: changes";
    if (op.decides_late) text += ", decides what is late";
    return text + "]";
  }
  std::string Describe(const UnionAll&) const { return "UnionAll"; }
  std::string Describe(const SessionAggregate& session) const {
    std::string text =
        fmt::format("SessionAggregate (gap {}) on {}", Duration(session.gap),
                    inputs_[session.time_column]);
    if (!session.zone.empty()) text += " in " + session.zone;
    if (!session.keys.empty()) {
      text += " group by " + Columns(session.keys, node_.inputs[0]->schema);
    }
    std::vector<std::string> calls;
    for (const AggregateCall& call : session.calls) calls.push_back(CallText(call));
    text += fmt::format(" calls ({})", fmt::join(calls, ", "));
    text += session.event_time ? " [window: closes at watermark >= window_end - 1 ms"
                               : " [window: closes by the clock at window_end";
    if (session.emit_on_close && session.grace > 0) {
      text += fmt::format(" + {}", Duration(session.grace));
    }
    if (session.allowed_lateness > 0) {
      text += fmt::format(", updates for another {}", Duration(session.allowed_lateness));
    }
    text += session.emit_on_close ? ", emit: on close" : ", emit: changes";
    if (session.decides_late) text += ", decides what is late";
    return text + "]";
  }
  std::string Describe(const Join& join) const {
    std::string text = JoinText(join, std::string(NameOf(join)), "");
    if (!join.window_end) return text;
    const std::string& end = inputs_[join.left_keys[*join.window_end]];
    if (node_.inputs[0]->properties.window.proctime) {
      return text + fmt::format(" [window: closes by the clock at {}]", end);
    }
    return text + fmt::format(" [window: closes at watermark >= {} - 1 ms{}]", end,
                              LatenessText(join));
  }
  static std::string_view LatenessText(const Join& join) {
    if (join.left_decides_late && join.right_decides_late) return ", decides what is late";
    if (join.left_decides_late) return ", decides what is late on the left";
    return join.right_decides_late ? ", decides what is late on the right" : "";
  }
  // `bounds`: what joins by time ask for beside keys.
  std::string JoinText(const Join& join, std::string text, std::string bounds) const {
    const Schema &left = node_.inputs[0]->schema, &right = node_.inputs[1]->schema;
    const std::vector<std::string> names = JoinNames(left, right);
    std::vector<std::string> keys;
    for (size_t k = 0; k < join.left_keys.size(); ++k) {
      keys.push_back(fmt::format("{} {} {}", names[join.left_keys[k]],
                                 join.null_equal[k] ? "IS NOT DISTINCT FROM" : "=",
                                 names[left.size() + join.right_keys[k]]));
    }
    if (!bounds.empty()) keys.push_back(std::move(bounds));
    if (!keys.empty()) text += fmt::format(" on {}", fmt::join(keys, " AND "));
    if (join.residual) text += " where " + ToString(*join.residual, names);
    return text;
  }
  std::string Describe(const IntervalJoin& op) const {
    const Schema &left = node_.inputs[0]->schema, &right = node_.inputs[1]->schema;
    const std::vector<std::string> names = JoinNames(left, right);
    const std::string& time = names[op.left_time];
    const auto bound = [&](int64_t offset) {
      if (offset == 0) return time;
      return fmt::format("{} {} {}", time, offset < 0 ? '-' : '+', Duration(std::abs(offset)));
    };
    const std::string& other = names[left.size() + op.right_time];
    // `<` and `>` leave a microsecond out.
    const auto is_open = [](int64_t offset, int64_t left_out) {
      return offset % kMicrosPerMilli != 0 && (offset + left_out) % kMicrosPerMilli == 0;
    };
    const bool above = is_open(op.lower, -1), below = is_open(op.upper, 1);
    std::string bounds = fmt::format("{} = {}", other, bound(op.lower));
    if (above || below) {
      bounds = fmt::format("{0} {1} {2} AND {0} {3} {4}", other, above ? ">" : ">=",
                           bound(op.lower - above), below ? "<" : "<=", bound(op.upper + below));
    } else if (op.lower != op.upper) {
      bounds = fmt::format("{} BETWEEN {} AND {}", other, bound(op.lower), bound(op.upper));
    }
    std::string name(NameOf(op.join));
    name.insert(name.size() - std::string_view("Join").size(), "Interval");
    const std::string_view late = LatenessText(op.join);
    return JoinText(op.join, std::move(name), std::move(bounds)) +
           (op.event_time ? "" : " [processing time]") +
           (late.empty() ? "" : fmt::format(" [{}]", late.substr(2)));
  }
  std::string Describe(const TemporalJoin& op) const {
    const Schema &left = node_.inputs[0]->schema, &right = node_.inputs[1]->schema;
    const std::vector<std::string> names = JoinNames(left, right);
    std::string text = op.join.kind == JoinKind::kLeft ? "LeftTemporalJoin" : "TemporalJoin";
    if (!op.event_time) {
      text = JoinText(op.join, std::move(text), "") + " [as of arrival]";
      if (op.retry_attempts == 0) return text;
      return text + fmt::format(" [without a partner again after {}, up to {} times]",
                                Duration(op.retry_delay), op.retry_attempts);
    }
    text = JoinText(op.join, std::move(text), "");
    return text + fmt::format(" [{} as of {}: given when the watermark has passed it{}]",
                              names[left.size() + op.right_time], names[op.left_time],
                              op.join.left_decides_late ? ", decides what is late" : "");
  }
  std::string Describe(const TopN& top) const {
    const bool deduplicates = DeduplicationOf(node_) != Deduplication::kNone;
    std::string text = deduplicates ? "Deduplicate" : fmt::format("TopN {}", NameOf(top.rank));
    if (!top.partition.empty()) {
      text += " partition by " + Columns(top.partition, node_.inputs[0]->schema);
    }
    if (!top.order.empty()) text += fmt::format(" order by ({})", KeysText(top.order));
    if (!deduplicates) text += RanksText(top);
    if (top.rank_output) text += " AS " + node_.schema.back().name;
    if (top.window_end) {
      text += WindowText(top, top.partition[*top.window_end]);
    } else if (top.emit_on_close) {
      text += " [emit: when the watermark has passed the row";
      text += top.decides_late ? ", decides what is late]" : "]";
    }
    return text;
  }
  static std::string RanksText(const TopN& top) {
    if (!top.last) return fmt::format(" from {}", top.first);
    if (top.first == 1) return fmt::format(" first {}", *top.last);
    return fmt::format(" from {} to {}", top.first, *top.last);
  }
  std::string Describe(const Over& over) const {
    std::string text = "Over";
    if (!over.partition.empty()) {
      text += " partition by " + Columns(over.partition, node_.inputs[0]->schema);
    }
    if (!over.order.empty()) text += fmt::format(" order by ({})", KeysText(over.order));
    std::vector<std::string> calls;
    for (const OverCall& call : over.calls) {
      calls.push_back(CallText(call, over));
      const std::string& name = node_.schema[inputs_.size() + calls.size() - 1].name;
      if (name != calls.back() && name.find(" OVER ") == std::string::npos)
        calls.back() += " AS " + name;
    }
    text += fmt::format(" calls ({})", fmt::join(calls, ", "));
    if (over.window_end) {
      text += WindowText(over, over.partition[*over.window_end]);
    } else if (over.append_only) {
      text += " [emit: " + (over.proctime ? "on arrival" : TimeText(over)) +
              (over.decides_late ? ", decides what is late]" : "]");
    }
    return text;
  }
  static std::string TimeText(const Over& over) {
    std::string text = "when the watermark has passed the row";
    return over.grace > 0 ? text + " by " + Duration(over.grace) : text;
  }
  std::string CallText(const OverCall& call, const Over& over) const {
    std::vector<std::string> arguments;
    for (size_t column : call.arguments) arguments.push_back(inputs_[column]);
    const bool shift = call.function == "lag" || call.function == "lead";
    if (call.parameter > 0 || shift) {
      arguments.insert(arguments.begin() + std::min<ptrdiff_t>(1, std::ssize(arguments)),
                       std::to_string(call.parameter));
    }
    if (call.aggregate && arguments.empty()) arguments.push_back("*");
    std::string text = fmt::format("{}({}{})", UpperCase(call.function),
                                   call.distinct ? "DISTINCT " : "", fmt::join(arguments, ", "));
    if (call.ignore_nulls) text += " IGNORE NULLS";
    if (call.filter) text += fmt::format(" FILTER (WHERE {})", inputs_[*call.filter]);
    const bool framed = call.aggregate || call.function.ends_with("_value");
    if (!framed) return text;
    const std::string frame =
        fmt::format("{} BETWEEN {} AND {}", call.frame.rows ? "ROWS" : "RANGE",
                    BoundText(call.frame.begin), BoundText(call.frame.end));
    // The default is not worth saying.
    const char* usual = over.order.empty()
                            ? "RANGE BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING"
                            : "RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW";
    return frame == usual ? text : text + " " + frame;
  }
  std::string BoundText(const OverBound& bound) const {
    if (bound.kind == OverBound::Kind::kCurrentRow) return "CURRENT ROW";
    const char* side = bound.following ? "FOLLOWING" : "PRECEDING";
    if (bound.kind == OverBound::Kind::kUnbounded) return fmt::format("UNBOUNDED {}", side);
    return fmt::format(
        "{} {}", bound.offset ? ToString(*bound.offset, {}) : std::to_string(bound.rows), side);
  }
  std::string Describe(const MatchRecognize& match) const {
    std::string text = "MatchRecognize";
    if (!match.partition.empty()) {
      text += " partition by " + Columns(match.partition, node_.inputs[0]->schema);
    }
    text += fmt::format(" order by ({})", KeysText(match.order));
    std::vector<std::string> pattern, defines, slots, measures;
    for (const MatchVariable& variable : match.pattern) pattern.push_back(QuantifiedText(variable));
    text += fmt::format(" pattern ({})", fmt::join(pattern, " "));
    if (match.within) text += " within " + Duration(*match.within);
    for (const MatchSlot& slot : match.slots) slots.push_back(SlotText(slot, match));
    for (const MatchVariable& variable : match.pattern) {
      if (!variable.condition) continue;
      defines.push_back(
          fmt::format("{} AS {}", variable.name, ToString(*variable.condition, slots)));
    }
    if (!defines.empty()) text += fmt::format(" define ({})", fmt::join(defines, ", "));
    for (size_t i = 0; i < match.measures.size(); ++i) {
      measures.push_back(fmt::format("{} AS {}", ToString(*match.measures[i], slots),
                                     node_.schema[match.partition.size() + i].name));
    }
    text += fmt::format(" measures ({}) skip {}", fmt::join(measures, ", "), SkipText(match));
    if (match.proctime) return text + " [emit: when the match is complete]";
    text += " [emit: when the watermark has passed the match";
    return text + (match.decides_late ? ", decides what is late]" : "]");
  }
  static std::string QuantifiedText(const MatchVariable& variable) {
    std::string text = variable.name;
    if (variable.max != variable.min) {
      if (!variable.max && variable.min < 2) {
        text += variable.min == 0 ? "*" : "+";
      } else if (variable.min == 0 && variable.max == 1) {
        text += "?";
      } else {
        text += fmt::format("{{{},{}}}", variable.min,
                            variable.max ? std::to_string(*variable.max) : "");
      }
    } else if (variable.min != 1) {
      text += fmt::format("{{{}}}", variable.min);
    }
    return variable.reluctant ? text + "?" : text;
  }
  std::string SlotText(const MatchSlot& slot, const MatchRecognize& match) const {
    const std::string rows =
        slot.variable ? match.pattern[*slot.variable].name + "." : std::string();
    if (slot.kind == MatchSlot::Kind::kAggregate) {
      const std::string argument = slot.argument ? ToString(*slot.argument, inputs_) : "*";
      return fmt::format("{}({}{})", UpperCase(slot.aggregate.name), rows, argument);
    }
    const std::string value =
        rows + (slot.kind == MatchSlot::Kind::kExists ? "*" : inputs_[slot.column]);
    if (!slot.first && slot.offset == 0) return value;
    const std::string name = slot.first ? "FIRST" : "LAST";
    return slot.offset == 0 ? fmt::format("{}({})", name, value)
                            : fmt::format("{}({}, {})", name, value, slot.offset);
  }
  static std::string SkipText(const MatchRecognize& match) {
    switch (match.skip) {
      case MatchRecognize::Skip::kPastLastRow:
        return "past last row";
      case MatchRecognize::Skip::kToNextRow:
        return "to next row";
      case MatchRecognize::Skip::kToFirst:
        return "to first " + match.pattern[match.skip_to].name;
      case MatchRecognize::Skip::kToLast:
        return "to last " + match.pattern[match.skip_to].name;
    }
    return "";
  }
  std::string Describe(const SetMinus& set) const {
    return fmt::format("{}{}", set.intersect ? "Intersect" : "Except", set.all ? " all" : "");
  }
  std::string Describe(const Unnest& unnest) const {
    std::vector<std::string> collections;
    for (const ExprPtr& expr : unnest.collections) collections.push_back(ToString(*expr, inputs_));
    return fmt::format("{}Unnest {}{}", unnest.outer ? "Left" : "", fmt::join(collections, ", "),
                       unnest.with_ordinality ? " with ordinality" : "");
  }
  std::string Describe(const Sort& sort) const {
    std::string text = sort.keys.empty() ? "Limit" : fmt::format("Sort ({})", KeysText(sort.keys));
    if (sort.limit) text += fmt::format(" limit {}", *sort.limit);
    if (sort.offset > 0) text += fmt::format(" offset {}", sort.offset);
    return text;
  }
  std::string KeysText(const std::vector<SortKey>& keys) const {
    std::vector<std::string> texts;
    for (const SortKey& key : keys) {
      std::string text = inputs_[key.column] + (key.descending ? " DESC" : "");
      if (key.nulls_first == key.descending) {
        text += key.nulls_first ? " NULLS FIRST" : " NULLS LAST";
      }
      texts.push_back(std::move(text));
    }
    return fmt::format("{}", fmt::join(texts, ", "));
  }
  std::string Describe(const Materialize& materialize) const {
    std::string text = "Materialize " + materialize.view;
    if (materialize.retention > 0) {
      text += fmt::format(" [retention: {}]", Duration(materialize.retention));
    }
    return text;
  }
  std::string Describe(const WriteSink& sink) const {
    return fmt::format("WriteSink {} ({})", sink.table->name,
                       fmt::join(NamesOf(node_.schema), ", "));
  }

  const Node& node_;
  const size_t common_;
  std::vector<std::string> inputs_;  // Names of the first input's columns.
};

// What a join keeps of one input.
std::string SideText(const Node& input, const std::vector<size_t>& keys, int64_t ttl) {
  std::string text = "all rows";
  if (JoinsByKey(input.properties, keys)) {
    text = keys.empty() ? "one row" : "one row per " + Columns(input.properties.key, input.schema);
  }
  if (ttl > 0) text += fmt::format(" for {} without change", Duration(ttl));
  return text;
}

std::string JoinStateText(const Node& node, bool pull) {
  const Join& join = std::get<Join>(node.op);
  std::string text =
      fmt::format("left {}, right {}", SideText(*node.inputs[0], join.left_keys, join.left_ttl),
                  SideText(*node.inputs[1], join.right_keys, join.right_ttl));
  const bool unbounded = !pull && (join.left_ttl == 0 || join.right_ttl == 0);
  return unbounded ? text + ", unbounded: set table.exec.state.ttl" : text;
}

std::string TopNStateText(const Node& node, bool pull) {
  const auto& top = std::get<TopN>(node.op);
  const StateBound::Kind kind = node.properties.state.kind;
  const bool bounded = node.inputs[0]->properties.append_only && top.last;
  std::string text = "all rows";
  if (bounded) {
    text = top.rank == TopN::Rank::kRowNumber ? fmt::format("{} rows", *top.last)
                                              : fmt::format("the rows of {} ranks", *top.last);
    if (top.rank == TopN::Rank::kRowNumber && top.last == 1) text = "one row";
    if (!top.partition.empty()) text += " per " + Columns(top.partition, node.inputs[0]->schema);
  }
  if (kind == StateBound::Kind::kTtl) {
    return text + fmt::format(", dropped after {} without change", Duration(top.state_ttl));
  }
  const bool grows = !pull && (!bounded || !top.partition.empty());
  return grows ? text + ", unbounded: set table.exec.state.ttl" : text;
}

std::string StateText(const Node& node, bool pull) {
  if (std::holds_alternative<TopN>(node.op) &&
      node.properties.state.kind != StateBound::Kind::kOpenWindows) {
    return TopNStateText(node, pull);
  }
  if (std::holds_alternative<Join>(node.op) &&
      node.properties.state.kind != StateBound::Kind::kOpenWindows) {
    return JoinStateText(node, pull);
  }
  if (auto* temporal = std::get_if<TemporalJoin>(&node.op); temporal && !temporal->event_time) {
    return "one row per " + Columns(temporal->join.right_keys, node.inputs[1]->schema);
  }
  const Properties& p = node.properties;
  const std::string key = p.key.empty() ? "one row" : "one row per " + Columns(p.key, node.schema);
  const bool bounded = pull || p.key.empty() || std::holds_alternative<Materialize>(node.op);
  const std::string advice = bounded ? "" : ", unbounded: set table.exec.state.ttl";
  switch (p.state.kind) {
    case StateBound::Kind::kNone:
      return "";
    case StateBound::Kind::kOpenWindows:
      return "open windows";
    case StateBound::Kind::kFrames:
      return "rows that frames reach";
    case StateBound::Kind::kTimeBounds:
      return "rows within the bounds";
    case StateBound::Kind::kVersions:
      return "the latest version of every key, and what the watermark has not passed";
    case StateBound::Kind::kDistinctKeys:
      return key + advice;
    case StateBound::Kind::kInputRows:
      if (auto* match = std::get_if<MatchRecognize>(&node.op)) {
        return match->within || pull ? "rows of open matches" : "rows of open matches, unbounded";
      }
      if (std::holds_alternative<Over>(node.op)) return pull ? "all rows" : "all rows, unbounded";
      if (!std::holds_alternative<Aggregate>(node.op)) return "all rows";
      return key + " with its values" + advice;
    case StateBound::Kind::kTtl:
      return fmt::format("{}, dropped after {} without change", key,
                         Duration(std::get<Aggregate>(node.op).state_ttl));
  }
  return "";
}

// How a continuous query does it.
std::string FormText(const Node& node) {
  const auto* aggregate = std::get_if<Aggregate>(&node.op);
  if (aggregate == nullptr) return "";
  const Node& input = *node.inputs[0];
  if (RunsOverSlices(*aggregate, input)) return " [over slices]";
  const bool two_phases = HasTwoPhases(*aggregate, input.properties.append_only);
  return two_phases ? " [two phases where groups repeat]" : "";
}

std::string PropertiesText(const Node& node, bool pull) {
  const Properties& p = node.properties;
  std::string text;
  if (p.has_key) text += fmt::format(" [key: {}]", Columns(p.key, node.schema));
  text += p.append_only ? " [append-only]" : p.upsert ? " [upsert]" : " [updating]";
  if (!p.event_times.empty()) {
    std::vector<size_t> times = p.event_times;
    std::sort(times.begin(), times.end());
    std::string columns = Columns(times, node.schema);
    text += fmt::format(" [event time: {}]", columns.substr(1, columns.size() - 2));
  }
  if (std::string state = StateText(node, pull); !state.empty()) {
    text += fmt::format(" [state: {}]", state);
  }
  return text;
}

class TreeText {
 public:
  explicit TreeText(bool pull) : pull_(pull) {}

  // A common subplan stands below the first leaf that reads it.
  void Append(const Node& node, size_t depth) {
    auto* scan = std::get_if<ScanCommon>(&node.op);
    const auto known = std::ranges::find(commons_, scan ? scan->common.get() : nullptr);
    const size_t common = static_cast<size_t>(known - commons_.begin()) + 1;
    text_.append(2 * depth, ' ');
    text_ += NodeText(node, common).Text() + (pull_ ? "" : FormText(node)) +
             PropertiesText(node, pull_) +
             (scan && known != commons_.end() ? " [see above]\n" : "\n");
    if (scan && known == commons_.end()) {
      commons_.push_back(scan->common.get());
      Append(*scan->common->root, depth + 1);
    }
    for (const NodePtr& input : node.inputs) Append(*input, depth + 1);
  }
  std::string Take() { return std::move(text_); }

 private:
  const bool pull_;
  std::vector<const Common*> commons_;
  std::string text_;
};

}  // namespace

std::string ExplainPlan(const Plan& plan) {
  TreeText text(plan.pull);
  text.Append(*plan.root, 0);
  return text.Take();
}

}  // namespace millrace
