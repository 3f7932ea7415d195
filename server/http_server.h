// An HTTP/1.1 server: a thread a connection, started when needed. Knows nothing of SQL.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace {

// Views into the connection's buffers, valid while the handler runs.
struct HttpRequest {
  std::string_view method;
  std::string_view path;   // As sent, with its %-escapes.
  std::string_view query;  // What follows the '?', as sent.
  std::string_view host, origin, fetch_site, accept, content_type, request_id, idempotency_key,
      last_event_id;
  std::string body;
  bool body_too_large = false;  // `body` is not all of it.
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
};

// A response whose end is not known when it begins. Used by the handler's thread only.
class HttpStream {
 public:
  virtual ~HttpStream() = default;
  // Sends status and headers; the response's body, now and later, is ignored. The stream ends when
  // the handler returns. REQUIRES: called once, before the rest.
  virtual void Begin(const HttpResponse& response) = 0;
  virtual bool begun() const = 0;
  // Sends at once; false when the client has gone or does not read for too long.
  virtual bool Write(std::string_view data) = 0;
  // Whether the client has closed its connection.
  virtual bool IsClosed() = 0;
  // The connection is torn instead of ended, so that the client sees that something is missing.
  virtual void Abort() = 0;
  virtual uint64_t bytes() const = 0;  // Written so far.
};

struct HttpOptions {
  size_t max_body_bytes = 16 << 20;
  size_t max_connections = 2000;
  int idle_seconds = 30;   // Of a connection between requests.
  int write_seconds = 30;  // That a client may not read while a response is sent.
};

// Thread-safe.
class HttpServer {
 public:
  // Called from any number of threads at once. Must not throw. Either begins the stream or fills
  // the response.
  using Handler = std::function<void(const HttpRequest&, HttpResponse*, HttpStream*)>;
  // Fills the body for a status that the handler never saw: malformed requests.
  using BadRequestHandler = std::function<void(HttpResponse*)>;

  HttpServer(Handler handler, BadRequestHandler bad_request, HttpOptions options = {});
  ~HttpServer();

  // Returns the port, which is `port` unless that is 0. Throws Error(kIo).
  int Bind(const std::string& host, int port);
  // Serves until Stop() and until the last handler has returned. REQUIRES: Bind().
  void Run();
  // Stops accepting and closes connections that wait for a request. REQUIRES: Run() was called.
  void Stop();

 private:
  class Server;
  std::unique_ptr<Server> server_;
};

}  // namespace millrace
