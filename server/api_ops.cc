#include "server/api_ops.h"

#include "types/row_key.h"

namespace millrace {

std::vector<std::string_view> OpsOf(const Batch& batch, const std::vector<size_t>& key) {
  std::vector<std::string_view> ops;
  for (size_t i = 0; i < batch.size; ++i) ops.push_back(batch.weight(i) < 0 ? "-D" : "+I");
  if (batch.append_only() || key.empty()) return ops;
  const RowKeys keys(batch, key);
  for (size_t i = 0; i + 1 < batch.size; ++i) {
    if (batch.weight(i) != -1 || batch.weight(i + 1) != 1 || keys[i] != keys[i + 1]) continue;
    ops[i] = "-U";
    ops[i + 1] = "+U";
  }
  return ops;
}

}  // namespace millrace
