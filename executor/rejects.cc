#include <algorithm>

#include "base/error.h"
#include "executor/operator.h"
#include "types/cast.h"

namespace millrace {
namespace {

void AppendJsonString(std::string_view s, std::string* out) {
  out->push_back('"');
  for (char c : s) {
    if (c == '"' || c == '\\') {
      out->push_back('\\');
      out->push_back(c);
    } else if (static_cast<unsigned char>(c) < 0x20) {
      constexpr char kHex[] = "0123456789abcdef";
      out->append("\\u00");
      out->push_back(kHex[c >> 4]);
      out->push_back(kHex[c & 15]);
    } else {
      out->push_back(c);
    }
  }
  out->push_back('"');
}

bool IsBare(TypeId id) { return id == TypeId::kBoolean || IsNumeric(id); }

}  // namespace

std::string RowToJson(const Batch& batch, const Schema& schema, size_t i) {
  std::string out = "{";
  for (size_t c = 0; c < batch.columns.size(); ++c) {
    if (c > 0) out.push_back(',');
    AppendJsonString(schema[c].name, &out);
    out.push_back(':');
    if (batch.columns[c].IsNull(i)) {
      out.append("null");
      continue;
    }
    std::string text;
    AppendText(batch.columns[c], schema[c].type, i, "UTC", &text);
    if (IsBare(schema[c].type.id)) {
      out.append(text);
    } else {
      AppendJsonString(text, &out);
    }
  }
  out.push_back('}');
  return out;
}

bool DropFailedRows(const RowErrors& errors, const std::string& op, const Schema& schema,
                    PartitionContext* context, Batch* batch) {
  if (errors.empty()) return false;
  if (context->fail_on_error) throw Error(ErrorCode::kInvalidValue, errors.front().message);
  std::vector<uint8_t> failed(batch->size);
  for (const RowError& e : errors) {
    if (std::exchange(failed[e.row], 1)) continue;  // The first reason counts.
    context->errors.push_back(
        {op, e.message, RowToJson(*batch, schema, e.row), batch->weight(e.row), 0, 0});
  }
  std::vector<uint32_t> good;
  for (uint32_t i = 0; i < batch->size; ++i) {
    if (!failed[i]) good.push_back(i);
  }
  *batch = batch->Take(good);
  return true;
}

}  // namespace millrace
