#include "connectors/table_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

namespace millrace {
namespace {

// A record is cut in two only if it has more than so many times the rows asked for.
constexpr size_t kLargeRecord = 16;

}  // namespace

std::string TableSegmentPath(const std::string& directory, uint64_t first_row) {
  return fmt::format("{}/{:020}.log", directory, first_row);
}

TablePosition TablePosition::Parse(const std::string& text) {
  TablePosition position;
  if (text.empty()) return position;
  const char* at = text.data();
  const char* const end = at + text.size();
  for (uint64_t* number : {&position.segment, &position.offset, &position.row}) {
    if (number != &position.segment && (at == end || *at++ != ':')) at = end;
    const auto parsed = std::from_chars(at, end, *number);
    if (parsed.ec != std::errc()) {
      throw Error(ErrorCode::kIo, "'" + text + "' is no position in a table's log");
    }
    at = parsed.ptr;
  }
  return position;
}

std::string TablePosition::ToString() const {
  return fmt::format("{}:{}:{}", segment, offset, row);
}

TableReader::TableReader(std::string directory, const Schema& schema,
                         const std::vector<size_t>& columns)
    : directory_(std::move(directory)), decoder_(schema, columns) {}

void TableReader::ThrowMissing() const {
  throw Error(ErrorCode::kIo, "position '" + position_.ToString() +
                                  "' does not exist in the table's log '" + directory_ + "'");
}

void TableReader::Seek(const TablePosition& position, uint64_t rows) {
  position_ = position;
  current_ = nullptr;
  file_.reset();
  if (position_.row > rows) ThrowMissing();
  if (position_.row < rows) Load();
}

void TableReader::Open(uint64_t segment) {
  const std::string path = TableSegmentPath(directory_, segment);
  if (!std::filesystem::exists(path)) ThrowMissing();
  file_.emplace(path);
  file_segment_ = segment;
}

void TableReader::Load() {
  uint64_t segment = position_.segment;
  uint64_t offset = position_.offset;
  if (!file_ || file_segment_ != segment) Open(segment);
  for (;;) {
    auto found = file_->Read(offset);
    if (!found) {
      // The next segment begins with the next row.
      if (segment == position_.row) ThrowMissing();
      segment = position_.row;
      offset = 0;
      Open(segment);
      continue;
    }
    const TableRecord record = ParseTableRecord(found->payload);
    if (record.rows == 0) {
      offset = found->next;
      continue;
    }
    if (position_.row < record.first_row || position_.row - record.first_row >= record.rows) {
      ThrowMissing();
    }
    const size_t body = found->payload.size() - record.body.size();
    const uint64_t skipped = position_.row - record.first_row;
    current_ = std::make_unique<Current>(Current{segment,
                                                 offset,
                                                 found->next,
                                                 std::move(found->payload),
                                                 {},
                                                 record.rows,
                                                 record.rows - skipped});
    current_->rest = std::string_view(current_->payload).substr(body);
    decoder_.Skip(&current_->rest, skipped);
    return;
  }
}

bool TableReader::TakeRows(uint64_t limit, size_t max_rows, Batch* out, Arena* heap) {
  uint64_t count = std::min(current_->left, limit - position_.row);
  const size_t room = max_rows - out->size;
  if (current_->rows > max_rows * kLargeRecord) {
    count = std::min<uint64_t>(count, room);
  } else if (out->size > 0 && count > room) {
    return false;
  }
  decoder_.Decode(&current_->rest, count, out, heap);
  current_->left -= count;
  position_ = {current_->segment, current_->left > 0 ? current_->offset : current_->next,
               position_.row + count};
  if (current_->left == 0) current_ = nullptr;
  return true;
}

Batch TableReader::Read(uint64_t limit, size_t max_rows) {
  Batch batch = decoder_.MakeBatch();
  const auto heap = std::make_shared<Arena>();
  while (batch.size < max_rows && position_.row < limit) {
    if (!current_) Load();
    if (!TakeRows(limit, max_rows, &batch, heap.get())) break;
  }
  if (std::ranges::all_of(batch.weights, [](int64_t weight) { return weight == 1; })) {
    batch.weights.clear();
  }
  if (heap->allocated() > 0) {
    for (Column& column : batch.columns) column.KeepAlive(heap);
  }
  return batch;
}

}  // namespace millrace
