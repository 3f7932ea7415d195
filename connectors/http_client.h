// Sends requests to one URL. The HTTP library's header stays in its .cc.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

namespace millrace {

struct HttpAnswer {
  int status = 0;     // 0: none came.
  std::string fault;  // Then why.
  std::string body;
  int64_t retry_after_seconds = 0;  // As the server wishes; 0: it does not say.
};

// http://host[:port][/path][?query], and https.
struct HttpUrl {
  std::string origin;  // With the scheme.
  std::string target;
};
// Throws Error(kInvalidOption) without a place.
HttpUrl ParseHttpUrl(const std::string& url);

// One thread, but for Stop().
class HttpClient {
 public:
  HttpClient(const HttpUrl& url, int64_t timeout_micros);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // `method`: POST, PUT or GET (without a body).
  HttpAnswer Send(const std::string& method, const std::multimap<std::string, std::string>& headers,
                  const std::string& content_type, const std::string& body);
  // From any thread: the running request ends without an answer.
  void Stop();

 private:
  struct Handle;
  std::unique_ptr<Handle> handle_;
};

}  // namespace millrace
