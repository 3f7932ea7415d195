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

std::string TableBasePath(const std::string& directory, uint64_t next_row) {
  return fmt::format("{}/{:020}.base", directory, next_row);
}

TablePosition TablePosition::Parse(const std::string& text) {
  TablePosition position;
  if (text.empty()) return position;
  position.base = text[0] == 'b';
  const char* at = text.data() + position.base;
  const char* const end = text.data() + text.size();
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
  return fmt::format("{}{}:{}:{}", base ? "b" : "", segment, offset, row);
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
  if (!position_.base && position_.row > rows) ThrowMissing();
  if (position_.base) return Open(position_.segment, true);
  if (position_.row < rows) Load({.row = rows});
}

void TableReader::Open(uint64_t segment, bool base) {
  const std::string path =
      base ? TableBasePath(directory_, segment) : TableSegmentPath(directory_, segment);
  if (!std::filesystem::exists(path)) ThrowMissing();
  file_.emplace(path);
  file_segment_ = segment;
  file_base_ = base;
}

// The segment that begins with the next row. REQUIRES: there is nothing more in `segment`.
void TableReader::OpenNext(uint64_t segment) {
  if (segment == position_.row) ThrowMissing();
  Open(position_.row, false);
}

bool TableReader::Reached(TableLimit limit) const {
  if (position_.base) return limit.base && position_.row >= limit.row;
  return limit.base || position_.row >= limit.row;
}

void TableReader::Load(TableLimit limit) {
  if (!file_ || file_segment_ != position_.segment || file_base_ != position_.base) {
    // A segment that was read to its end may be gone.
    const bool gone = !position_.base && position_.segment != position_.row &&
                      !std::filesystem::exists(TableSegmentPath(directory_, position_.segment));
    if (gone) {
      OpenNext(position_.segment);
      position_ = {position_.row, 0, position_.row};
    } else {
      Open(position_.segment, position_.base);
    }
  }
  uint64_t offset = position_.offset;
  for (;;) {
    auto found = file_->Read(offset);
    if (!found && position_.base) {
      position_ = {position_.segment, 0, position_.segment};
      if (!Reached(limit)) Load(limit);
      return;
    }
    if (!found) {
      OpenNext(file_segment_);
      offset = 0;
      continue;
    }
    if (ParseTableRecord(found->payload).rows > 0) {
      current_ = std::make_unique<Current>();
      current_->begin = {file_segment_, offset, 0, file_base_};
      return LoadRecord(std::move(*found));
    }
    offset = found->next;
  }
}

void TableReader::LoadRecord(RecordLogReader::Record found) {
  const TableRecord record = ParseTableRecord(found.payload);
  if (position_.row < record.first_row || position_.row - record.first_row >= record.rows) {
    ThrowMissing();
  }
  const size_t body = found.payload.size() - record.body.size();
  const uint64_t skipped = position_.row - record.first_row;
  current_->rows = record.rows;
  current_->left = record.rows - skipped;
  current_->next = found.next;
  current_->payload = std::move(found.payload);
  current_->rest = std::string_view(current_->payload).substr(body);
  decoder_.Skip(&current_->rest, skipped);
}

bool TableReader::TakeRows(TableLimit limit, size_t max_rows, Batch* out, Arena* heap) {
  uint64_t count = current_->left;
  if (position_.base == limit.base) count = std::min(count, limit.row - position_.row);
  const size_t room = max_rows - out->size;
  if (current_->rows > max_rows * kLargeRecord) {
    count = std::min<uint64_t>(count, room);
  } else if (out->size > 0 && count > room) {
    return false;
  }
  decoder_.Decode(&current_->rest, count, out, heap);
  current_->left -= count;
  const uint64_t row = position_.row + count;
  position_ = current_->begin;
  position_.row = row;
  if (current_->left == 0) {
    position_.offset = current_->next;
    current_ = nullptr;
  }
  return true;
}

Batch TableReader::Read(TableLimit limit, size_t max_rows) {
  Batch batch = decoder_.MakeBatch();
  const auto heap = std::make_shared<Arena>();
  while (batch.size < max_rows && !Reached(limit)) {
    if (!current_) Load(limit);
    if (!current_) break;  // At the end of a base, and nothing in the log.
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
