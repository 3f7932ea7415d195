#include "executor/over_frame.h"

#include <algorithm>
#include <limits>

#include "functions/expr.h"

namespace millrace {
namespace {

constexpr size_t kSteps = 16;  // Places looked at one by one before searching.

// The rows of the partition whose ORDER BY column is not NULL.
std::pair<size_t, size_t> NotNull(const OverRows& rows) {
  const OrderColumn& order = rows.layout->order()[0];
  const Column null = MakeNullColumn(rows.layout->schema()[order.column].type, 1);
  std::string key(rows.partition->key());
  rows.layout->AppendOrder(0, null, 0, &key);
  if (order.nulls_first) return {rows.partition->UpperBound(key), rows.size()};
  return {0, rows.partition->LowerBound(key)};
}

// Finds positions of bounds that do not go back.
class Search {
 public:
  // `upper`: the position behind rows that begin with the bound; else that of the first of them.
  Search(const OverRows& rows, bool upper) : rows_(rows), upper_(upper) {}

  size_t Find(std::string_view bound) {
    if (!started_) {
      started_ = true;
      return position_ = FromStart(bound);
    }
    for (size_t step = 0; step < kSteps; ++step) {
      if (position_ == rows_.size() || !Before(rows_.partition->At(position_), bound)) {
        return position_;
      }
      ++position_;
    }
    return position_ = FromStart(bound);
  }

 private:
  bool Before(const char* row, std::string_view bound) const {
    const std::string_view key = rows_.Key(row);
    return upper_ ? key.substr(0, bound.size()) <= bound : key < bound;
  }
  size_t FromStart(std::string_view bound) const {
    return upper_ ? rows_.partition->UpperBound(bound) : rows_.partition->LowerBound(bound);
  }

  const OverRows& rows_;
  bool upper_;
  bool started_ = false;
  size_t position_ = 0;
};

// `expr` over the ORDER BY column of some rows; rows where it fails are marked in `failed`.
Column Edges(const OverRows& rows, const Expr& expr, Column values, std::vector<uint8_t>* failed) {
  RowErrors errors;
  EvalContext context = *rows.eval;
  context.errors = &errors;
  Batch batch;
  batch.size = values.size();
  batch.columns.push_back(std::move(values));
  Column edges = Evaluate(expr, batch, context);
  failed->assign(batch.size, 0);
  for (const RowError& error : errors) (*failed)[error.row] = 1;
  return edges;
}

// The position of a value's edge: before or behind the rows with that value. An edge that failed,
// or lies on the wrong side of its value, is beyond all values.
class EdgeFinder {
 public:
  EdgeFinder(const OverRows& rows, bool following, bool upper)
      : rows_(rows), following_(following), search_(rows, upper), not_null_(NotNull(rows)) {}

  size_t Find(std::string_view peer_key, const Column& edges, size_t i, bool failed) {
    const size_t beyond = following_ ? not_null_.second : not_null_.first;
    if (failed || edges.IsNull(i)) return beyond;
    bound_.assign(rows_.partition->key());
    rows_.layout->AppendOrder(0, edges, i, &bound_);
    if (following_ ? bound_ < peer_key : peer_key < bound_) return beyond;
    return search_.Find(bound_);
  }

 private:
  const OverRows& rows_;
  bool following_;
  Search search_;
  std::pair<size_t, size_t> not_null_;
  std::string bound_;
};

// `i` moved by `offset` rows, inside [0, size].
size_t Shift(size_t i, int64_t offset, bool following, size_t size) {
  const auto by = static_cast<uint64_t>(offset);
  if (following) return by > size - std::min(i, size) ? size : i + by;
  return by > i ? 0 : i - by;
}

std::vector<size_t> RangeEdges(const OverRows& rows, const OverBound& bound, bool is_end,
                               size_t begin, size_t end, const OverPeers& peers) {
  std::vector<char*> found;
  rows.partition->Copy(begin, end, &found);
  const size_t column[] = {rows.layout->order()[0].column};
  std::vector<uint8_t> failed;
  const Column values = rows.Columns(begin, end, column)[0];
  const Column edges = Edges(rows, *bound.edge, values, &failed);
  EdgeFinder finder(rows, bound.following, is_end);
  std::vector<size_t> out(end - begin);
  for (size_t i = 0; i < out.size(); ++i) {
    if (values.IsNull(i)) {
      out[i] = is_end ? peers.ends[i] : peers.begins[i];
    } else {
      out[i] = finder.Find(rows.table->PeerKey(found[i]), edges, i, failed[i]);
    }
  }
  return out;
}

std::vector<size_t> BoundsOf(const OverRows& rows, const OverBound& bound, bool is_end,
                             bool by_rows, std::pair<size_t, size_t> of, const OverPeers* peers) {
  const auto [begin, end] = of;
  const size_t size = rows.size();
  if (bound.kind == OverBound::Kind::kUnbounded) {
    return std::vector<size_t>(end - begin, bound.following ? size : 0);
  }
  if (!by_rows && bound.kind == OverBound::Kind::kCurrentRow) {
    return is_end ? peers->ends : peers->begins;
  }
  if (!by_rows) return RangeEdges(rows, bound, is_end, begin, end, *peers);
  std::vector<size_t> out(end - begin);
  for (size_t i = 0; i < out.size(); ++i) {
    const size_t at = begin + i + is_end;
    out[i] = bound.kind == OverBound::Kind::kCurrentRow
                 ? at
                 : Shift(at, bound.rows, bound.following, size);
  }
  return out;
}

}  // namespace

FrameRanges FrameFinder::Find(const OverRows& rows, size_t begin, size_t end,
                              const OverPeers* peers) const {
  FrameRanges out;
  out.begins = BoundsOf(rows, plan_.begin, false, plan_.rows, {begin, end}, peers);
  out.ends = BoundsOf(rows, plan_.end, true, plan_.rows, {begin, end}, peers);
  for (size_t i = 0; i < out.ends.size(); ++i) {
    out.ends[i] = std::max(out.ends[i], out.begins[i]);
  }
  return out;
}

std::pair<size_t, size_t> FrameFinder::Reach(const OverRows& rows,
                                             const ChangedRows& change) const {
  const size_t size = rows.size();
  // A frame's end is what reaches a change from before, its begin what does from behind.
  auto reach = [&](const OverBound& bound, bool is_end) -> size_t {
    if (bound.kind == OverBound::Kind::kUnbounded) return is_end ? 0 : size;
    if (plan_.rows) {
      const int64_t offset = bound.kind == OverBound::Kind::kOffset ? bound.rows : 0;
      return Shift(is_end ? change.begin : change.end, offset, !bound.following, size);
    }
    const std::string_view peer_key = rows.table->PeerKey(change.row);
    const size_t column[] = {rows.layout->order().empty() ? 0 : rows.layout->order()[0].column};
    if (bound.kind == OverBound::Kind::kOffset) {
      const std::string_view key[] = {rows.Key(change.row)};
      const Column value = rows.layout->DecodeColumns(key, column)[0];
      if (!value.IsNull(0)) {
        std::vector<uint8_t> failed;
        const Column edge = Edges(rows, *bound.reach, value, &failed);
        return EdgeFinder(rows, !bound.following, !is_end).Find(peer_key, edge, 0, failed[0]);
      }
    }
    return is_end ? rows.partition->LowerBound(peer_key) : rows.partition->UpperBound(peer_key);
  };
  const size_t first = reach(plan_.end, true), last = reach(plan_.begin, false);
  return {std::min(first, change.begin), std::max(last, change.end)};
}

size_t FrameFinder::Passed(const OverRows& rows, size_t known, const Column& passed) const {
  const OverBound& bound = running() ? plan_.end : plan_.begin;
  if (bound.kind == OverBound::Kind::kUnbounded) return 0;
  if (bound.kind == OverBound::Kind::kCurrentRow || bound.following) return known;
  if (plan_.rows) return Shift(known, bound.rows, false, known);
  std::vector<uint8_t> failed;
  const Column edge = Edges(rows, *bound.edge, passed, &failed);
  if (failed[0] || edge.IsNull(0)) return 0;
  std::string key(rows.partition->key());
  rows.layout->AppendOrder(0, edge, 0, &key);
  return std::min(known, rows.partition->LowerBound(key));
}

int64_t FrameFinder::NeededUntil(const OverRows& rows, const Column& value) const {
  constexpr int64_t kNever = std::numeric_limits<int64_t>::max();
  const OverBound& bound = running() ? plan_.end : plan_.begin;
  if (bound.kind == OverBound::Kind::kUnbounded || plan_.rows) return kNever;
  if (bound.kind == OverBound::Kind::kCurrentRow || bound.following) return value.at<int64_t>(0);
  std::vector<uint8_t> failed;
  const Column reach = Edges(rows, *bound.reach, value, &failed);
  return failed[0] || reach.IsNull(0) ? kNever : reach.at<int64_t>(0);
}

}  // namespace millrace
