#include "executor/over_rows.h"

#include <numeric>

namespace millrace {
namespace {

std::vector<std::string_view> KeysOf(const OverRows& rows, const std::vector<char*>& found) {
  std::vector<std::string_view> keys;
  keys.reserve(found.size());
  for (const char* row : found) keys.push_back(rows.Key(row));
  return keys;
}

}  // namespace

std::vector<Column> OverRows::Columns(size_t begin, size_t end,
                                      std::span<const size_t> columns) const {
  std::vector<char*> found;
  partition->Copy(begin, end, &found);
  return layout->DecodeColumns(KeysOf(*this, found), columns);
}

Column OverRows::Pick(std::span<const size_t> positions, size_t column) const {
  // Neighbours often pick the same row. Row 0 of the values stands for none.
  std::vector<char*> found;
  std::vector<uint32_t> places(positions.size());
  std::vector<uint8_t> none(positions.size());
  bool any_none = false;
  size_t last = kNone;
  for (size_t i = 0; i < positions.size(); ++i) {
    if (positions[i] == kNone) {
      none[i] = any_none = true;
      continue;
    }
    if (found.empty() || positions[i] != last) found.push_back(partition->At(positions[i]));
    last = positions[i];
    places[i] = static_cast<uint32_t>(found.size() - 1);
  }
  const size_t columns[] = {column};
  if (found.empty()) return MakeNullColumn(layout->schema()[column].type, positions.size());
  Column out = layout->DecodeColumns(KeysOf(*this, found), columns)[0].Take(places);
  if (!any_none) return out;
  for (size_t i = 0; i < positions.size(); ++i) {
    if (none[i]) ClearValue(&out, i);
  }
  return out;
}

OverPeers::OverPeers(const OverRows& rows, size_t begin, size_t end)
    : begins(end - begin), ends(end - begin) {
  if (begin == end) return;
  std::vector<char*> found;
  rows.partition->Copy(begin, end, &found);
  size_t first = rows.partition->LowerBound(rows.table->PeerKey(found[0]));
  for (size_t i = 0; i < found.size(); ++i) {
    const bool peer = i == 0 || found[i] == found[i - 1] ||
                      rows.table->PeerKey(found[i]) == rows.table->PeerKey(found[i - 1]);
    if (!peer) first = begin + i;
    begins[i] = first;
  }
  size_t last = rows.partition->UpperBound(rows.table->PeerKey(found.back()));
  for (size_t i = found.size(); i-- > 0;) {
    ends[i] = last;
    if (begins[i] == begin + i) last = begin + i;
  }
}

}  // namespace millrace
