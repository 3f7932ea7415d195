#include "server/http_server.h"

#include <fmt/format.h>
#include <httplib.h>
#include <poll.h>
#include <sys/eventfd.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <list>
#include <mutex>
#include <thread>

#include "base/error.h"
#include "base/file.h"

namespace millrace {
namespace {

constexpr int kReadMillis = 10'000;  // Within a request.
constexpr size_t kFlushBytes = 64 << 10;
constexpr auto kIdleThread = std::chrono::seconds(10);

// Runs each connection on a thread of its own; threads stay a while for the next one.
class ConnectionThreads final : public httplib::TaskQueue {
 public:
  explicit ConnectionThreads(size_t max_threads) : max_threads_(max_threads) {}

  void enqueue(std::function<void()> connection) override {
    std::unique_lock lock(mutex_);
    JoinFinished();
    waiting_.push_back(std::move(connection));
    if (idle_ < waiting_.size() && threads_.size() < max_threads_) StartThread();
    lock.unlock();
    work_.notify_one();
  }

  void shutdown() override {
    std::unique_lock lock(mutex_);
    stopped_ = true;
    work_.notify_all();
    ended_.wait(lock, [this] { return threads_.empty(); });
    JoinFinished();
  }

 private:
  using Threads = std::list<std::thread>;

  void StartThread() {
    threads_.emplace_front();
    const auto self = threads_.begin();
    try {
      *self = std::thread([this, self] { Run(self); });
    } catch (const std::system_error&) {
      threads_.erase(self);  // The connection waits for another thread to be free.
    }
  }

  void Run(Threads::iterator self) {
    std::unique_lock lock(mutex_);
    for (;;) {
      ++idle_;
      work_.wait_for(lock, kIdleThread, [this] { return stopped_ || !waiting_.empty(); });
      --idle_;
      if (waiting_.empty()) break;
      const std::function<void()> connection = std::move(waiting_.front());
      waiting_.pop_front();
      lock.unlock();
      connection();
      lock.lock();
    }
    finished_.splice(finished_.begin(), threads_, self);
    ended_.notify_all();
  }

  void JoinFinished() {
    // They hold no lock any more but to leave Run, which needs `mutex_` no longer.
    for (std::thread& thread : finished_) thread.join();
    finished_.clear();
  }

  const size_t max_threads_;
  std::mutex mutex_;
  std::condition_variable work_, ended_;
  std::deque<std::function<void()>> waiting_;
  Threads threads_, finished_;
  size_t idle_ = 0;
  bool stopped_ = false;
};

// One client. The library reads requests from it and writes responses to it, which go out in one
// piece; a handler's stream takes the response's place.
class Connection final : public httplib::Stream, public HttpStream {
 public:
  Connection(int socket, int stop_event, const HttpOptions& options)
      : socket_(socket), stop_event_(stop_event), options_(options) {}
  ~Connection() override {
    ::shutdown(socket_, SHUT_WR);
    if (close_) Drain();
    ::close(socket_);
  }

  // False when none comes: closed, idle for too long or stopped.
  bool AwaitRequest() {
    if (read_ < input_size_) return true;
    pollfd fds[] = {{socket_, POLLIN, 0}, {stop_event_, POLLIN, 0}};
    int ready;
    do {
      ready = ::poll(fds, 2, options_.idle_seconds * 1000);
    } while (ready < 0 && errno == EINTR);
    return ready > 0 && fds[1].revents == 0;
  }

  // After each request; whether the connection can take another.
  bool Finish() {
    if (begun_ && !aborted_ && !plain_ && !head_) SendAll("0\r\n\r\n");
    const bool reusable = Flush() && !(begun_ && (aborted_ || plain_)) && !close_;
    begun_ = aborted_ = false;
    bytes_ = 0;
    return reusable;
  }

  void StartRequest(bool http10, bool head) {
    plain_ = http10;
    head_ = head;
  }
  void CloseAfterwards() { close_ = true; }

  bool is_readable() const override { return read_ < input_size_ || Wait(POLLIN, kReadMillis); }
  bool is_writable() const override { return Wait(POLLOUT, options_.write_seconds * 1000); }

  ssize_t read(char* out, size_t size) override {
    if (read_ == input_size_ && !Fill()) return broken_ ? -1 : 0;
    const size_t n = std::min(size, input_size_ - read_);
    std::memcpy(out, input_ + read_, n);
    read_ += n;
    return static_cast<ssize_t>(n);
  }

  ssize_t write(const char* data, size_t size) override {
    if (begun_) return static_cast<ssize_t>(size);  // The handler has answered already.
    output_.append(data, size);
    if (output_.size() >= kFlushBytes && !Flush()) return -1;
    return static_cast<ssize_t>(size);
  }

  void get_remote_ip_and_port(std::string& /*ip*/, int& /*port*/) const override {}
  void get_local_ip_and_port(std::string& /*ip*/, int& /*port*/) const override {}
  socket_t socket() const override { return socket_; }

  void Begin(const HttpResponse& response) override {
    std::string head = fmt::format("HTTP/1.1 {} {}\r\nContent-Type: {}\r\n", response.status,
                                   response.status == 200 ? "OK" : "Error", response.content_type);
    for (const auto& [name, value] : response.headers) {
      head.append(name).append(": ").append(value).append("\r\n");
    }
    head.append(plain_ ? "Connection: close\r\n\r\n" : "Transfer-Encoding: chunked\r\n\r\n");
    SendAll(head);
    begun_ = true;
  }

  bool begun() const override { return begun_; }

  bool Write(std::string_view data) override {
    if (data.empty() || head_) return !broken_;
    bytes_ += data.size();
    if (plain_) return SendAll(data);
    std::string chunk = fmt::format("{:x}\r\n", data.size());
    chunk.append(data).append("\r\n");
    return SendAll(chunk);
  }

  bool IsClosed() override {
    if (broken_) return true;
    char byte;
    const ssize_t n = ::recv(socket_, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
  }

  void Abort() override { aborted_ = true; }
  uint64_t bytes() const override { return bytes_; }

 private:
  bool Wait(short events, int millis) const {
    pollfd fd{socket_, events, 0};
    int ready;
    do {
      ready = ::poll(&fd, 1, millis);
    } while (ready < 0 && errno == EINTR);
    return ready > 0;
  }

  bool Fill() {
    if (!Flush() || !Wait(POLLIN, kReadMillis)) {
      broken_ = true;
      return false;
    }
    ssize_t n;
    do {
      n = ::recv(socket_, input_, sizeof input_, 0);
    } while (n < 0 && errno == EINTR);
    if (n < 0) broken_ = true;
    read_ = 0;
    input_size_ = n > 0 ? static_cast<size_t>(n) : 0;
    return n > 0;
  }

  bool Flush() {
    const bool sent = output_.empty() || SendAll(output_);
    output_.clear();
    if (output_.capacity() > kFlushBytes) output_.shrink_to_fit();
    return sent && !broken_;
  }

  // The socket's send timeout is what ends waiting for a client that does not read.
  bool SendAll(std::string_view data) {
    while (!data.empty() && !broken_) {
      const ssize_t n = ::send(socket_, data.data(), data.size(), MSG_NOSIGNAL);
      if (n > 0) {
        data.remove_prefix(static_cast<size_t>(n));
      } else if (errno != EINTR) {
        broken_ = true;
      }
    }
    return !broken_;
  }

  // Closing with unread bytes would reset the connection and lose the response on its way.
  void Drain() {
    for (int i = 0; i < 256 && Wait(POLLIN, 200); ++i) {
      if (::recv(socket_, input_, sizeof input_, MSG_DONTWAIT) <= 0) break;
    }
  }

  const int socket_;
  const int stop_event_;
  const HttpOptions& options_;
  char input_[8192];
  size_t read_ = 0, input_size_ = 0;
  std::string output_;
  uint64_t bytes_ = 0;
  bool begun_ = false, aborted_ = false;
  bool plain_ = false;  // HTTP/1.0: no chunks.
  bool head_ = false;
  bool close_ = false;
  bool broken_ = false;
};

// The library's handlers do not get the connection; they run on its thread.
thread_local Connection* current_connection = nullptr;

std::string_view Header(const httplib::Request& request, const char* name) {
  const auto it = request.headers.find(name);
  return it == request.headers.end() ? std::string_view() : std::string_view(it->second);
}

enum class BodyKind : uint8_t { kNone, kSome, kMalformed };

BodyKind BodyOf(const httplib::Request& request) {
  const size_t lengths = request.headers.count("Content-Length");
  const size_t encodings = request.headers.count("Transfer-Encoding");
  if (lengths + encodings == 0) return BodyKind::kNone;
  if (lengths + encodings > 1) return BodyKind::kMalformed;
  if (encodings == 1) {
    return Header(request, "Transfer-Encoding") == "chunked" ? BodyKind::kSome
                                                             : BodyKind::kMalformed;
  }
  const std::string_view length = Header(request, "Content-Length");
  const bool digits = length.find_first_not_of("0123456789") == std::string_view::npos;
  if (length.empty() || length.size() > 18 || !digits) return BodyKind::kMalformed;
  return length.find_first_not_of('0') == std::string_view::npos ? BodyKind::kNone
                                                                 : BodyKind::kSome;
}

void Answer(HttpResponse&& from, httplib::Response* to) {
  to->status = from.status;
  to->body = std::move(from.body);
  to->headers.clear();
  to->set_header("Content-Type", from.content_type);
  for (const auto& [name, value] : from.headers) to->set_header(name, value);
}

bool TakesBody(const std::string& method) {
  return method == "POST" || method == "PUT" || method == "PATCH" || method == "DELETE";
}

}  // namespace

class HttpServer::Server final : public httplib::Server {
 public:
  Server(HttpServer::Handler handler, BadRequestHandler bad_request, HttpOptions options)
      : handler_(std::move(handler)),
        bad_request_(std::move(bad_request)),
        options_(options),
        stop_event_(::eventfd(0, EFD_CLOEXEC)) {
    set_tcp_nodelay(true);
    set_write_timeout(options_.write_seconds);
    set_payload_max_length(options_.max_body_bytes);
    // What the Keep-Alive header says; the connection loop has its own limits.
    set_keep_alive_max_count(1'000'000);
    set_keep_alive_timeout(options_.idle_seconds);
    set_socket_options([this](socket_t socket) {
      const int on = 1;
      ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
      listener_ = socket;
    });
    new_task_queue = [this] { return new ConnectionThreads(options_.max_connections); };
    SetHandlers();
  }

  int Bind(const std::string& host, int port) {
    const int bound = port == 0 ? bind_to_any_port(host) : bind_to_port(host, port) ? port : -1;
    if (bound < 0) {
      throw Error(ErrorCode::kIo,
                  fmt::format("cannot listen on {}:{}: {}", host, port, std::strerror(errno)));
    }
    ::listen(listener_, 1024);  // The library's backlog is 5.
    return bound;
  }

  void Stop() {
    // Before the accept loop runs there is nothing that would see it.
    while (!is_running()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    stopping_ = true;
    const uint64_t one = 1;
    if (::write(stop_event_.get(), &one, sizeof one) < 0) return;
    stop();
  }

 private:
  using HandlerResponse = httplib::Server::HandlerResponse;

  void SetHandlers() {
    set_pre_routing_handler([this](const auto& request, auto& response) {
      return HandleWithoutBody(request, &response);
    });
    const auto with_body = [this](const httplib::Request& request, httplib::Response& response,
                                  const httplib::ContentReader& reader) {
      HandleWithBody(request, &response, reader);
    };
    Post("/", with_body);
    Put("/", with_body);
    Patch("/", with_body);
    Delete("/", with_body);
    set_error_handler([this](const httplib::Request&, httplib::Response& response) {
      if (!response.body.empty()) return;
      HttpResponse answer;
      answer.status = response.status;
      bad_request_(&answer);
      Answer(std::move(answer), &response);
      current_connection->CloseAfterwards();
    });
  }

  bool process_and_close_socket(socket_t socket) override {
    Connection connection(socket, stop_event_.get(), options_);
    current_connection = &connection;
    // Routing by regular expressions is what the path is hidden from; ranges and compression cost
    // more than they give on a local connection.
    const auto prepare = [&connection](httplib::Request& request) {
      request.path = "/";
      request.ranges.clear();
      request.headers.erase("Accept-Encoding");
      connection.StartRequest(request.version == "HTTP/1.0", request.method == "HEAD");
    };
    while (connection.AwaitRequest()) {
      const bool last = stopping_;
      bool closed = false;
      const bool answered = process_request(connection, last, closed, prepare);
      if (!connection.Finish() || !answered || closed || last) break;
    }
    current_connection = nullptr;
    return true;
  }

  HandlerResponse HandleWithoutBody(const httplib::Request& request, httplib::Response* response) {
    const BodyKind body = BodyOf(request);
    if (body == BodyKind::kSome && TakesBody(request.method)) return HandlerResponse::Unhandled;
    // Where the body ends is not known or nobody reads it: what follows is no request.
    if (body != BodyKind::kNone) current_connection->CloseAfterwards();
    if (body == BodyKind::kMalformed) {
      HttpResponse answer;
      answer.status = 400;
      bad_request_(&answer);
      Answer(std::move(answer), response);
    } else {
      Handle(request, response, {}, false);
    }
    return HandlerResponse::Handled;
  }

  // What is too much is read and dropped, so that the response reaches the client.
  void HandleWithBody(const httplib::Request& request, httplib::Response* response,
                      const httplib::ContentReader& reader) {
    std::string body;
    bool too_large = false;
    const auto receive = [&](const char* data, size_t size) {
      too_large = too_large || body.size() + size > options_.max_body_bytes;
      if (!too_large) body.append(data, size);
      return true;
    };
    const bool read = request.is_multipart_form_data()
                          ? reader([](const auto&) { return true; }, receive)
                          : reader(receive);
    if (!read && response->status == 413) too_large = true;
    if (!read && !too_large) {
      current_connection->CloseAfterwards();
      response->status = 400;
      // Malformed parts do not matter: no handler takes forms, and says so.
      if (!request.is_multipart_form_data()) return;  // The error handler fills it.
    }
    Handle(request, response, std::move(body), too_large);
  }

  void Handle(const httplib::Request& from, httplib::Response* to, std::string body,
              bool too_large) {
    const std::string_view target = from.target;
    const size_t end = std::min(target.find('#'), target.size());
    const size_t question = std::min(target.find('?'), end);
    HttpRequest request;
    request.method = from.method;
    request.path = target.substr(0, question);
    if (question < end) request.query = target.substr(question + 1, end - question - 1);
    request.host = Header(from, "Host");
    request.origin = Header(from, "Origin");
    request.fetch_site = Header(from, "Sec-Fetch-Site");
    request.accept = Header(from, "Accept");
    request.content_type = Header(from, "Content-Type");
    request.request_id = Header(from, "X-Request-Id");
    request.idempotency_key = Header(from, "Idempotency-Key");
    request.last_event_id = Header(from, "Last-Event-ID");
    request.body = std::move(body);
    request.body_too_large = too_large;
    HttpResponse response;
    handler_(request, &response, current_connection);
    Answer(std::move(response), to);
  }

  const HttpServer::Handler handler_;
  const BadRequestHandler bad_request_;
  const HttpOptions options_;
  const FileDescriptor stop_event_;
  socket_t listener_ = INVALID_SOCKET;
  std::atomic<bool> stopping_ = false;
};

HttpServer::HttpServer(Handler handler, BadRequestHandler bad_request, HttpOptions options)
    : server_(std::make_unique<Server>(std::move(handler), std::move(bad_request), options)) {}
HttpServer::~HttpServer() = default;

int HttpServer::Bind(const std::string& host, int port) { return server_->Bind(host, port); }

void HttpServer::Run() { server_->listen_after_bind(); }

void HttpServer::Stop() { server_->Stop(); }

}  // namespace millrace
