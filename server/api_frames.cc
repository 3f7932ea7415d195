#include "server/api_frames.h"

#include "server/api_result.h"

namespace millrace {
namespace {

constexpr size_t kSendBytes = 256 << 10;
constexpr auto kKeepAlive = std::chrono::seconds(10);

}  // namespace

FrameWriter::FrameWriter(FrameFormat format, const JsonStyle& style, HttpResponse* response,
                         HttpStream* stream)
    : format_(format), style_(style), response_(response), stream_(stream) {}

void FrameWriter::BeginFrame(std::string_view type) {
  if (format_ == FrameFormat::kServerSentEvents) {
    out_.append("event: ").append(type).append("\ndata: ");
  }
  out_.append("{\"type\":\"").append(type).append("\"");
}

void FrameWriter::EndFrame() {
  out_.append(format_ == FrameFormat::kServerSentEvents ? "}\n\n" : "}\n");
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
      format_ == FrameFormat::kNdjson ? "application/x-ndjson" : "text/event-stream";
  response_->headers.emplace_back("Cache-Control", "no-store");
  response_->headers.emplace_back("X-Accel-Buffering", "no");
  stream_->Begin(*response_);
  BeginFrame("schema");
  out_.append(",\"kind\":");
  AppendJsonString(result.kind, &out_);
  out_.append(",\"columns\":");
  AppendJsonColumns(result.schema, &out_);
  out_.append(",\"changelog_mode\":");
  AppendJsonString(result.changelog_mode, &out_);
  EndFrame();
  return Send();
}

bool FrameWriter::Rows(const StatementResult& result, const Batch& batch) {
  if (!Schema(result)) return false;
  if (batch.size == 0) {
    if (Clock::now() - last_sent_ < kKeepAlive) return !stream_->IsClosed();
    BeginFrame("progress");
    out_.append(",\"rows\":").append(std::to_string(rows_));
    EndFrame();
    return Send();
  }
  for (size_t row = 0; row < batch.size; ++row) {
    const int64_t weight = batch.weight(row);
    for (int64_t n = weight < 0 ? -weight : weight; n > 0; --n, ++rows_) {
      BeginFrame("row");
      out_.append(weight < 0 ? ",\"op\":\"-D\",\"row\":" : ",\"op\":\"+I\",\"row\":");
      AppendJsonRow(batch, result.schema, row, &out_, style_);
      EndFrame();
      if (out_.size() >= kSendBytes && !Send()) return false;
    }
  }
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
  out_.append(std::to_string(rows_)).append(",\"elapsed_ms\":").append(std::to_string(elapsed));
  EndFrame();
  Send();
}

}  // namespace millrace
