#include "server/api_frames.h"

#include <fmt/format.h>

#include <charconv>

#include "base/clock.h"
#include "server/api_ops.h"
#include "server/api_result.h"

namespace millrace {
namespace {

constexpr size_t kSendBytes = 256 << 10;
constexpr auto kKeepAlive = std::chrono::seconds(10);

}  // namespace

std::string CursorText(uint64_t cursor) { return fmt::format("c_{:x}", cursor); }

std::optional<uint64_t> ParseCursor(std::string_view text) {
  if (!text.starts_with("c_")) return std::nullopt;
  uint64_t cursor = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data() + 2, end, cursor, 16);
  if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  return cursor;
}

FrameWriter::FrameWriter(const FrameOptions& options, HttpResponse* response, HttpStream* stream)
    : options_(options), response_(response), stream_(stream) {}

void FrameWriter::BeginFrame(std::string_view type, std::string_view id) {
  if (options_.format == FrameFormat::kServerSentEvents) {
    out_.append("event: ").append(type).append("\n");
    if (!id.empty()) out_.append("id: ").append(id).append("\n");
    out_.append("data: ");
  }
  out_.append("{\"type\":\"").append(type).append("\"");
}

void FrameWriter::EndFrame() {
  out_.append(options_.format == FrameFormat::kServerSentEvents ? "}\n\n" : "}\n");
}

bool FrameWriter::Send() {
  last_sent_ = Clock::now();
  const bool sent = stream_->Write(out_);
  out_.clear();
  return sent;
}

bool FrameWriter::Schema(const StatementResult& result) {
  if (stream_->begun()) return true;
  response_->content_type =
      options_.format == FrameFormat::kNdjson ? "application/x-ndjson" : "text/event-stream";
  response_->headers.emplace_back("Cache-Control", "no-store");
  response_->headers.emplace_back("X-Accel-Buffering", "no");
  stream_->Begin(*response_);
  BeginFrame("schema");
  out_.append(",\"kind\":");
  AppendJsonString(result.kind, &out_);
  out_.append(",\"columns\":");
  AppendJsonColumns(result.schema, &out_);
  if (!result.primary_key.empty()) {
    out_.append(",\"primary_key\":[");
    for (size_t i = 0; i < result.primary_key.size(); ++i) {
      if (i > 0) out_.push_back(',');
      AppendJsonString(result.schema[result.primary_key[i]].name, &out_);
    }
    out_.push_back(']');
  }
  const bool upsert = options_.envelope == Envelope::kUpsert && result.changelog_mode != "append";
  out_.append(",\"changelog_mode\":");
  AppendJsonString(upsert ? "upsert" : result.changelog_mode, &out_);
  EndFrame();
  return Send();
}

void FrameWriter::Row(const StatementResult& result, const Batch& batch, size_t row,
                      std::string_view op) {
  BeginFrame("row");
  out_.append(",\"op\":\"").append(op).append("\",\"row\":");
  AppendJsonRow(batch, result.schema, row, &out_, options_.style);
  EndFrame();
}

void FrameWriter::Change(const StatementResult& result, const Batch& batch,
                         std::optional<size_t> before, std::optional<size_t> after) {
  JsonStyle style = options_.style;
  style.rows_as_objects = true;
  const auto append = [&](std::string_view name, const std::optional<size_t>& row) {
    out_.append(",\"").append(name).append("\":");
    row ? AppendJsonRow(batch, result.schema, *row, &out_, style) : void(out_.append("null"));
  };
  BeginFrame("row");
  append("before", before);
  append("after", after);
  const char* const op = before ? (after ? "u" : "d") : snapshot_ ? "r" : "c";
  out_.append(",\"op\":\"").append(op).append("\",\"ts_ms\":");
  out_.append(std::to_string(NowMicros() / kMicrosPerMilli));
  EndFrame();
}

bool FrameWriter::RowsOf(const StatementResult& result, const Batch& batch) {
  const std::vector<std::string_view> ops = OpsOf(batch, result.primary_key);
  for (size_t row = 0; row < batch.size; ++row) {
    const bool replaced = ops[row] == "-U";
    if (options_.envelope == Envelope::kUpsert && replaced) continue;
    const int64_t weight = batch.weight(row);
    for (int64_t n = weight < 0 ? -weight : weight; n > 0; --n, ++rows_) {
      if (options_.envelope != Envelope::kDebezium) {
        Row(result, batch, row, ops[row]);
      } else if (replaced) {
        Change(result, batch, row, row + 1);
        ++row;
      } else {
        weight < 0 ? Change(result, batch, row, {}) : Change(result, batch, {}, row);
      }
      if (out_.size() >= kSendBytes && !Send()) return false;
    }
  }
  return true;
}

bool FrameWriter::Rows(const StatementResult& result, const Batch& batch) {
  return Schema(result) && RowsOf(result, batch) && Send();
}

bool FrameWriter::Point(const StatementResult& result, const PushPoint& point) {
  if (!Schema(result)) return false;
  if (point.cursor) cursor_ = CursorText(*point.cursor);
  snapshot_ = false;
  const auto now = Clock::now();
  const bool due = now - last_progress_ >= options_.progress || now - last_sent_ >= kKeepAlive;
  if (!point.snapshot_end && !due) return !stream_->IsClosed();
  last_progress_ = now;
  BeginFrame(point.snapshot_end ? "snapshot_end" : "progress", cursor_);
  if (!cursor_.empty()) out_.append(",\"cursor\":\"").append(cursor_).append("\"");
  if (point.watermark) {
    out_.append(",\"watermark\":\"").append(IsoTime(*point.watermark)).append("\"");
  }
  out_.append(",\"rows\":").append(std::to_string(rows_));
  EndFrame();
  return Send();
}

bool FrameWriter::Notify(const StatementResult& result, std::string_view sql) {
  for (const Notice& notice : result.notices) {
    BeginFrame("notice");
    std::string object;
    AppendJsonNotice(notice, sql, &object);
    out_.append(",").append(object, 1, object.size() - 2);
    EndFrame();
  }
  if (!result.message.empty()) {
    BeginFrame("notice");
    out_.append(",\"severity\":\"info\",\"code\":\"DONE\",\"message\":");
    AppendJsonString(result.message, &out_);
    if (result.job) {
      out_.append(",\"job\":");
      AppendJsonJobName(*result.job, &out_);
    }
    EndFrame();
  }
  return out_.empty() || Send();
}

void FrameWriter::Fail(const Error& error, const ErrorContext& context) {
  BeginFrame("error");
  out_.append(",\"error\":");
  AppendJsonError(error, context, &out_);
  EndFrame();
  End("error");
}

void FrameWriter::End(std::string_view reason) {
  const auto elapsed =
      std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begin_).count();
  BeginFrame("end");
  out_.append(",\"reason\":\"").append(reason).append("\",\"rows\":");
  out_.append(std::to_string(rows_));
  if (!cursor_.empty()) out_.append(",\"cursor\":\"").append(cursor_).append("\"");
  out_.append(",\"elapsed_ms\":").append(std::to_string(elapsed));
  EndFrame();
  Send();
}

}  // namespace millrace
