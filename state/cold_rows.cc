#include "state/cold_rows.h"

#include <algorithm>

namespace millrace {

void ColdRows::Read(std::vector<Wanted>* wanted,
                    const std::function<void(const Wanted&, std::string_view value)>& f) const {
  std::erase_if(*wanted, [this](const Wanted& row) { return IsBuried(row.row.key); });
  if (wanted->empty()) return;
  // In the order of the store, so that neighbours share a block.
  std::ranges::sort(*wanted, [](const Wanted& a, const Wanted& b) {
    return a.row.vnode != b.row.vnode ? a.row.vnode < b.row.vnode : a.row.key < b.row.key;
  });
  const auto same = [](const Wanted& a, const Wanted& b) { return a.row.key == b.row.key; };
  wanted->erase(std::unique(wanted->begin(), wanted->end(), same), wanted->end());
  std::vector<StateKey> rows;
  rows.reserve(wanted->size());
  for (const Wanted& row : *wanted) rows.push_back(row.row);
  counts_.asked_rows += rows.size();
  store_->Get(op_, rows, nullptr, [&](size_t i, std::string_view value) {
    ++counts_.read_rows;
    f((*wanted)[i], value);
  });
}

std::optional<std::string> ColdRows::ReadOne(const StateKey& row) const {
  std::optional<std::string> found;
  if (IsBuried(row.key)) return found;
  store_->Get(op_, {&row, 1}, nullptr,
              [&](size_t, std::string_view value) { found = std::string(value); });
  return found;
}

std::vector<std::string> ColdRows::buried() const {
  std::vector<std::string> keys;
  keys.reserve(buried_.size());
  for (const auto& [key, checkpoint] : buried_) keys.push_back(key);
  return keys;
}

void ColdRows::BeginFill(VnodeRange vnodes) {
  fill_ = vnodes;
  fill_from_.clear();
  forgot_ = false;
}

// Every slice looks at the store as it is then: what the table forgot since the last one was copied
// there.
bool ColdRows::Fill(size_t max_rows,
                    const std::function<void(uint32_t vnode, std::string_view key,
                                             std::string_view value)>& f) {
  if (fill_.first >= fill_.end) return false;
  bool more = false;
  store_->ScanFrom(op_, {fill_.first, fill_from_}, fill_.end, nullptr,
                   [&](uint32_t vnode, std::string_view key, std::string_view value) {
                     fill_.first = vnode;
                     if (max_rows-- == 0) {
                       fill_from_ = key;
                       more = true;
                       return false;
                     }
                     if (!IsBuried(key)) f(vnode, key, value);
                     return true;
                   });
  if (!more) fill_.first = fill_.end;
  return more;
}

}  // namespace millrace
