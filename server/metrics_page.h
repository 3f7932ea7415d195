// GET /metrics: counters of requests, and what the engine knows of its jobs, as Prometheus reads
// it.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/engine.h"

namespace millrace {

// Requests by route, method and status. Thread-safe; counting takes no lock.
class HttpMetrics {
 public:
  struct Route {
    std::string_view method;
    std::string_view path;  // The template: "/v1/jobs/{id}".
  };

  explicit HttpMetrics(std::vector<Route> routes);
  // REQUIRES: route is an index into the list given to the constructor.
  void Count(size_t route, int status, double seconds);
  void AppendTo(std::string* out) const;

 private:
  static constexpr std::array<double, 14> kBounds = {
      0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30};
  static constexpr std::array<int, 16> kStatuses = {200, 202, 400, 401, 403, 404, 405, 406,
                                                    409, 410, 413, 415, 499, 500, 503, 504};
  struct Counters {
    std::array<std::atomic<uint64_t>, kStatuses.size() + 1> statuses{};  // The last: all others.
    std::array<std::atomic<uint64_t>, kBounds.size() + 1> buckets{};
    std::atomic<uint64_t> micros = 0;
  };

  const std::vector<Route> routes_;
  std::vector<Counters> counters_;
};

// The whole page.
std::string MetricsPage(const Engine& engine, const HttpMetrics& http, double start_seconds,
                        std::string_view version);

// Of this process.
struct ProcessUsage {
  double cpu_seconds = 0;
  uint64_t resident_bytes = 0;
  uint64_t peak_resident_bytes = 0;
};
ProcessUsage GetProcessUsage();

}  // namespace millrace
