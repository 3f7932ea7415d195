#include "connectors/http_client.h"

#include <httplib.h>

#include "base/error.h"

namespace millrace {
HttpUrl ParseHttpUrl(const std::string& url) {
  const size_t scheme = url.starts_with("http://") ? 7 : url.starts_with("https://") ? 8 : 0;
  const size_t end = std::min(url.find_first_of("/?#", scheme), url.size());
  if (scheme == 0 || end == scheme || url.find_first_of(" \r\n", 0) != std::string::npos) {
    throw Error(ErrorCode::kInvalidOption, "'" + url + "' is no URL such as http://host:port/path");
  }
  HttpUrl parsed{url.substr(0, end), url.substr(end, url.find('#') - end)};
  if (!parsed.target.starts_with('/')) parsed.target.insert(0, "/");
  return parsed;
}

struct HttpClient::Handle {
  explicit Handle(const HttpUrl& url) : client(url.origin), target(url.target) {}
  httplib::Client client;
  const std::string target;
};

HttpClient::HttpClient(const HttpUrl& url, int64_t timeout_micros)
    : handle_(std::make_unique<Handle>(url)) {
  const auto timeout = std::chrono::microseconds(timeout_micros);
  handle_->client.set_connection_timeout(timeout);
  handle_->client.set_read_timeout(timeout);
  handle_->client.set_write_timeout(timeout);
  handle_->client.set_keep_alive(true);
  handle_->client.set_tcp_nodelay(true);
}

HttpClient::~HttpClient() = default;

void HttpClient::Stop() { handle_->client.stop(); }

HttpAnswer HttpClient::Send(const std::string& method,
                            const std::multimap<std::string, std::string>& headers,
                            const std::string& content_type, const std::string& body) {
  const httplib::Headers sent(headers.begin(), headers.end());
  const httplib::Result result =
      method == "GET"   ? handle_->client.Get(handle_->target, sent)
      : method == "PUT" ? handle_->client.Put(handle_->target, sent, body, content_type)
                        : handle_->client.Post(handle_->target, sent, body, content_type);
  HttpAnswer answer;
  if (!result) {
    answer.fault = httplib::to_string(result.error());
    return answer;
  }
  answer.status = result->status;
  answer.body = result->body;
  const std::string after = result->get_header_value("Retry-After");
  if (!after.empty() && after.find_first_not_of("0123456789") == std::string::npos &&
      after.size() < 6) {
    answer.retry_after_seconds = std::stoi(after);
  }
  return answer;
}

}  // namespace millrace
