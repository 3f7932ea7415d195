// The http connector: posts a step's rows to a URL in batches, in order, until each is accepted.
//
// Every batch carries an idempotency key, "<instance>-<number>". After a crash the step journal gives
// the same steps again, and these the same batches under the same keys, so that a receiver that knows
// keys sees each batch once. What was not accepted when a checkpoint began is kept in a file.
//
//   position := next:count file:string         (base/codec.h; the file "": nothing was open)
//   record of the file := number:count body
//   state directory: "instance", drawn when the job is new; files named after their checkpoints
#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <random>
#include <thread>

#include "base/codec.h"
#include "base/record_log.h"
#include "connectors/builtin.h"
#include "connectors/http_client.h"
#include "connectors/step_changes.h"
#include "connectors/wakeup.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;
using Kind = OptionDef::Kind;

constexpr size_t kMostWaiting = 32 << 20;  // Bytes; then the job reads no more.
constexpr auto kCloseWait = std::chrono::seconds(10);

struct Request {
  uint64_t number = 0;
  std::string body;
};

// ${env:NAME} and ${file:PATH} in `text` are what they name; the end of a file's last line does not
// count. Throws Error(kInvalidOption).
std::string ResolveSecrets(std::string_view text, const Option& option) {
  std::string out;
  while (true) {
    const size_t begin = text.find("${");
    out.append(text.substr(0, begin));
    if (begin == std::string_view::npos) return out;
    const size_t end = text.find('}', begin);
    const std::string_view inside =
        end == std::string_view::npos ? "" : text.substr(begin + 2, end - begin - 2);
    const size_t colon = std::min(inside.find(':'), inside.size());
    const std::string what(inside.substr(0, colon));
    const std::string name(inside.substr(std::min(colon + 1, inside.size())));
    std::optional<std::string> value;
    if (what == "env") {
      if (const char* found = std::getenv(name.c_str())) value = found;
    } else if (what == "file") {
      if (std::ifstream in(name, std::ios::binary); in) {
        value.emplace(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
        while (value->ends_with('\n') || value->ends_with('\r')) value->pop_back();
      }
    }
    if (!value) {
      throw Error(ErrorCode::kInvalidOption,
                  "'${" + std::string(inside) + "}' names nothing that is there",
                  option.value_range, "write ${env:NAME} or ${file:/path}");
    }
    out.append(*value);
    text.remove_prefix(end + 1);
  }
}

std::multimap<std::string, std::string> HeadersOf(const Options& options) {
  constexpr std::string_view kPrefix = "headers.";
  std::multimap<std::string, std::string> headers;
  for (const auto& [key, option] : options) {
    if (!key.starts_with(kPrefix)) continue;
    const std::string value = ResolveSecrets(option.value, option);
    if (value.find_first_of("\r\n") != std::string::npos) {
      throw Error(ErrorCode::kInvalidOption, "a header has one line", option.value_range);
    }
    headers.emplace(key.substr(kPrefix.size()), value);
  }
  return headers;
}

HttpUrl UrlOf(const Options& options) {
  const Option& option = *FindOption(options, "url");
  try {
    return ParseHttpUrl(ResolveSecrets(option.value, option));
  } catch (const Error& error) {
    throw Error(error.code, "option 'url': " + error.message, option.value_range, error.hint);
  }
}

std::string ContentTypeOf(const ConnectorContext& context, bool array) {
  const std::string format = GetString(context.options, "format");
  const std::string otherwise = array                    ? "application/json"
                                : format == "csv"        ? "text/csv"
                                : format.ends_with("json") ? "application/x-ndjson"
                                                           : "application/octet-stream";
  return GetString(context.options, "content-type", otherwise);
}

// Names the sink's batches; the same for all lives of a job.
std::string InstanceIn(const std::string& directory) {
  std::random_device random;
  const std::string fresh = fmt::format("{:08x}{:08x}", random(), random());
  if (directory.empty()) return fresh;
  fs::create_directories(directory);
  RecordLog log(directory + "/instance");
  RecordLogReader reader(log.path());
  if (const auto found = reader.Read(0)) return found->payload;
  log.Append(fresh);
  log.Sync();
  return fresh;
}

// Sends requests one after the other; its thread is the only one that talks to the server.
class Sender {
 public:
  Sender(const ConnectorContext& context, std::string instance, bool array)
      : instance_(std::move(instance)),
        method_(GetString(context.options, "method", "POST")),
        key_header_(GetString(context.options, "idempotency-header", "Idempotency-Key")),
        content_type_(ContentTypeOf(context, array)),
        headers_(HeadersOf(context.options)),
        first_micros_(GetDurationMicros(context.options, "retry.initial-backoff", 100'000)),
        longest_micros_(GetDurationMicros(context.options, "retry.max-backoff", 30'000'000)),
        client_(UrlOf(context.options),
                GetDurationMicros(context.options, "request.timeout", 30'000'000)),
        thread_([this] { Run(); }) {}

  ~Sender() {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    client_.Stop();
    thread_.join();
  }

  void Push(Request request) {
    {
      std::lock_guard lock(mutex_);
      waiting_ += request.body.size();
      queue_.push_back(std::move(request));
    }
    changed_.notify_all();
  }

  bool Ready() {
    std::lock_guard lock(mutex_);
    if (error_) throw *error_;
    return waiting_ < kMostWaiting;
  }
  // Nothing is left that may still be accepted.
  bool Done() const {
    std::lock_guard lock(mutex_);
    return queue_.empty() || error_;
  }
  template <class Rep, class Period>
  void AwaitDone(std::chrono::duration<Rep, Period> longest) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, longest, [this] { return queue_.empty() || error_; });
  }
  std::vector<Request> Open() const {
    std::lock_guard lock(mutex_);
    return {queue_.begin(), queue_.end()};
  }
  std::string notice() const {
    std::lock_guard lock(mutex_);
    return notice_;
  }
  void OnReady(std::function<void()> f) { wakeup_.Set(std::move(f)); }

 private:
  void Run() {
    int64_t backoff = first_micros_;
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [this] { return stopping_ || (!queue_.empty() && !error_); });
      if (stopping_) return;
      const Request& request = queue_.front();  // Nobody else takes it away.
      lock.unlock();
      const HttpAnswer answer = Post(request);
      lock.lock();
      if (answer.status >= 200 && answer.status < 300) {
        Drop();
        backoff = first_micros_;
        continue;
      }
      if (stopping_) return;
      notice_ = Describe(answer);
      if (IsFinal(answer.status)) {
        error_ = Error(ErrorCode::kConflict, notice_ + " for batch " + KeyOf(request));
        changed_.notify_all();
        wakeup_.Wake();
        continue;
      }
      const int64_t wait = std::max(backoff, answer.retry_after_seconds * 1'000'000);
      changed_.wait_for(lock, std::chrono::microseconds(wait), [this] { return stopping_; });
      backoff = std::min(2 * backoff, longest_micros_);
    }
  }

  // REQUIRES: the mutex.
  void Drop() {
    const bool was_full = waiting_ >= kMostWaiting;
    waiting_ -= queue_.front().body.size();
    queue_.pop_front();
    notice_.clear();
    changed_.notify_all();
    if (was_full && waiting_ < kMostWaiting) wakeup_.Wake();
  }

  HttpAnswer Post(const Request& request) {
    auto headers = headers_;
    headers.emplace(key_header_, KeyOf(request));
    return client_.Send(method_, headers, content_type_, request.body);
  }

  std::string KeyOf(const Request& request) const {
    return instance_ + "-" + std::to_string(request.number);
  }

  // What no repetition heals: the server understood and says no.
  static bool IsFinal(int status) {
    return status >= 400 && status < 500 && status != 408 && status != 425 && status != 429;
  }

  static std::string Describe(const HttpAnswer& answer) {
    if (answer.status == 0) return "the server does not answer: " + answer.fault;
    std::string text = "the server answered " + std::to_string(answer.status);
    constexpr size_t kMostBody = 200;
    return answer.body.empty() ? text : text + ": " + answer.body.substr(0, kMostBody);
  }

  const std::string instance_, method_, key_header_, content_type_;
  const std::multimap<std::string, std::string> headers_;
  const int64_t first_micros_, longest_micros_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Request> queue_;  // Not accepted; the first one is on its way.
  size_t waiting_ = 0;         // Their bytes.
  std::optional<Error> error_;
  std::string notice_;
  bool stopping_ = false;
  Wakeup wakeup_;
  HttpClient client_;
  std::thread thread_;  // Last: it uses the rest.
};

class HttpSink final : public Sink {
 public:
  explicit HttpSink(const ConnectorContext& context)
      : directory_(context.state_directory),
        array_(GetString(context.options, "body", "lines") == "array"),
        most_rows_(static_cast<uint64_t>(GetInt(context.options, "batch.max-rows", 500))),
        most_bytes_(
            static_cast<uint64_t>(GetSizeBytes(context.options, "batch.max-size", 1 << 20))),
        sender_(context, InstanceIn(directory_), array_) {
    const FormatDef& format = *FindFormat(GetString(context.options, "format"));
    encoder_ = format.encoder(context);
    envelope_ = format.envelope;
    if (format.file_header != nullptr) header_ = format.file_header(context);
  }

  void Write(const Batch& changes) override {
    for (size_t i = 0; i < changes.size; ++i) {  // Encoding goes row by row.
      row_.clear();
      encoder_->Encode(changes, i, &row_);
      step_.Add({}, row_, {}, changes.weight(i));
    }
  }

  // Rows of a step are sorted: another number of partitions gives the same batches.
  void Flush() override {
    std::vector<std::string> gone, come;
    step_.Take([&](std::string_view, std::string_view row, std::string_view, bool goes) {
      std::string text(row);
      if (envelope_ != nullptr) {
        text.clear();
        envelope_(row, goes, &text);
      }
      (goes ? gone : come).push_back(std::move(text));
    });
    std::ranges::sort(gone);
    std::ranges::sort(come);
    for (const auto* part : {&gone, &come}) {
      for (const std::string& row : *part) Append(row);
    }
    Finish();
  }

  bool Ready() override { return sender_.Ready(); }
  void OnReady(std::function<void()> f) override { sender_.OnReady(std::move(f)); }
  bool Drained() override { return sender_.Done(); }
  TransportStatus Status() const override { return {{}, sender_.notice()}; }

  std::string PreCommit(uint64_t epoch) override {
    if (directory_.empty()) return {};
    std::string name;
    const std::vector<Request> open = sender_.Open();
    if (!open.empty()) {
      name = std::to_string(epoch);
      std::error_code error;  // Of one that a crash left; what cannot go makes the log fail.
      fs::remove(directory_ + "/" + name, error);
      RecordLog log(directory_ + "/" + name);
      for (const Request& request : open) {
        log.Append(Encoder64().Put(request.number).Put(request.body).bytes());
      }
      log.Sync();
    }
    written_ = name;
    return Encoder64().Put(next_).Put(name).bytes();
  }

  void Commit(uint64_t /*epoch*/) override {
    if (directory_.empty() || kept_ == written_) return;
    std::error_code ignored;  // A file more is in nobody's way.
    if (!kept_.empty()) fs::remove(directory_ + "/" + kept_, ignored);
    kept_ = written_;
  }

  void Restore(const std::string& position) override {
    if (position.empty()) return;
    Decoder64 in(position);
    next_ = in.Number();
    kept_ = written_ = in.String();
    if (kept_.empty()) return;
    RecordLogReader reader(directory_ + "/" + kept_);
    uint64_t at = 0;
    while (const auto record = reader.Read(at)) {
      at = record->next;
      Decoder64 request(record->payload);
      const uint64_t number = request.Number();
      sender_.Push({number, request.String()});
    }
  }

  void Close() override { sender_.AwaitDone(kCloseWait); }

 private:
  void Append(std::string_view row) {
    if (rows_ > 0 && (rows_ >= most_rows_ || body_.size() + row.size() > most_bytes_)) Finish();
    if (rows_++ == 0) body_ = array_ ? "[" : header_;
    body_.append(row).push_back(array_ ? ',' : '\n');
  }

  void Finish() {
    if (rows_ == 0) return;
    if (array_) body_.back() = ']';
    rows_ = 0;
    sender_.Push({next_++, std::exchange(body_, {})});
  }

  const std::string directory_;
  const bool array_;
  const uint64_t most_rows_, most_bytes_;
  std::unique_ptr<FormatDef::Encoder> encoder_;
  void (*envelope_)(std::string_view row, bool goes, std::string* out) = nullptr;
  std::string header_, row_;
  StepChanges step_;
  std::string body_;
  uint64_t rows_ = 0;   // In body_.
  uint64_t next_ = 1;   // The number of the next request.
  std::string kept_, written_;  // Files: of the sealed checkpoint, of the running one.
  Sender sender_;
};

std::unique_ptr<Sink> MakeHttpSink(const ConnectorContext& context) {
  return std::make_unique<HttpSink>(context);
}

void Validate(const ConnectorContext& context, bool /*as_sink*/) {
  if (FindOption(context.options, "url") == nullptr) return;  // ValidateOptions has its say.
  UrlOf(context.options);
  HeadersOf(context.options);
  const FormatDef* format = FindFormat(GetString(context.options, "format"));
  if (format != nullptr && format->encoder == nullptr) {
    throw Error(ErrorCode::kInvalidOption, "this format cannot be written",
                ValueRange(context.options, "format"));
  }
  const bool array = GetString(context.options, "body", "lines") == "array";
  if (array && format != nullptr && !format->name.ends_with("json")) {
    throw Error(ErrorCode::kInvalidOption, "'body' = 'array' needs a format of JSON",
                ValueRange(context.options, "body"));
  }
  for (const char* key : {"batch.max-rows", "batch.max-size"}) {
    if (GetSizeBytes(context.options, key, 1) < 1) {
      throw Error(ErrorCode::kInvalidOption, std::string("option '") + key + "' must be above 0",
                  ValueRange(context.options, key));
    }
  }
}

ConnectorDef MakeDef() {
  ConnectorDef def;
  def.name = "http";
  def.options = {
      {"url", Kind::kString, "", "Where rows are posted.", true},
      {"method", Kind::kString, "POST", "POST or PUT.", false, {"POST", "PUT"}},
      {"headers.*", Kind::kString, "", "Headers; ${env:NAME} and ${file:PATH} stand for secrets."},
      {"body", Kind::kString, "lines", "A row a line, or one JSON array.", false,
       {"lines", "array"}},
      {"content-type", Kind::kString, "", "Of the body; by its format unless given."},
      {"idempotency-header", Kind::kString, "Idempotency-Key", "Carries the batch's key."},
      {"batch.max-rows", Kind::kInteger, "500", "The most rows of a request."},
      {"batch.max-size", Kind::kSize, "1MB", "The most bytes, unless one row has more."},
      {"request.timeout", Kind::kDuration, "30 s", "Of connecting, and of each answer."},
      {"retry.initial-backoff", Kind::kDuration, "100 ms", "It doubles with each try,"},
      {"retry.max-backoff", Kind::kDuration, "30 s", "up to this."},
  };
  def.needs_format = true;
  def.sink = MakeHttpSink;
  def.validate = Validate;
  return def;
}

}  // namespace

const ConnectorDef& HttpConnector() {
  static const ConnectorDef def = MakeDef();
  return def;
}

}  // namespace millrace
