#include "server/metrics_page.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>

namespace millrace {
namespace {

// Appends metrics in the text exposition format.
class Page {
 public:
  explicit Page(std::string* out) : out_(out) {}

  void Metric(std::string_view name, std::string_view type, std::string_view help) {
    fmt::format_to(std::back_inserter(*out_), "# HELP {0} {2}\n# TYPE {0} {1}\n", name, type, help);
  }
  // `labels` is `a="b",…` or empty.
  template <class T>
  void Sample(std::string_view name, std::string_view labels, T value) {
    if (labels.empty()) {
      fmt::format_to(std::back_inserter(*out_), "{} {}\n", name, value);
    } else {
      fmt::format_to(std::back_inserter(*out_), "{}{{{}}} {}\n", name, labels, value);
    }
  }

 private:
  std::string* out_;
};

std::string Label(std::string_view name, std::string_view value) {
  std::string label(name);
  label.append("=\"");
  for (char c : value) {
    if (c == '"' || c == '\\') label.push_back('\\');
    c == '\n' ? void(label.append("\\n")) : label.push_back(c);
  }
  return label + '"';
}

struct JobMetric {
  std::string_view name, type, help;
  double (*value)(const JobInfo&);
};

double Of(uint64_t value) { return static_cast<double>(value); }

constexpr JobMetric kJobMetrics[] = {
    {"millrace_source_records_total", "counter", "Rows that the pipeline read.",
     [](const JobInfo& job) { return Of(job.rows_in); }},
    {"millrace_sink_records_total", "counter", "Rows that the pipeline wrote.",
     [](const JobInfo& job) { return Of(job.rows_out); }},
    {"millrace_source_errors_total", "counter", "Records that could not be decoded.",
     [](const JobInfo& job) { return Of(job.rejected_records); }},
    {"millrace_operator_late_records_dropped_total", "counter", "Rows behind the watermark.",
     [](const JobInfo& job) { return Of(job.late_rows); }},
    {"millrace_row_errors_total", "counter", "Rows whose evaluation failed.",
     [](const JobInfo& job) { return Of(job.error_rows); }},
    {"millrace_pipeline_steps_total", "counter", "Steps that the pipeline took.",
     [](const JobInfo& job) { return Of(job.steps); }},
    {"millrace_pipeline_uptime_seconds", "gauge", "Time since the pipeline started.",
     [](const JobInfo& job) { return job.wall_seconds; }},
    {"millrace_operator_busy_seconds_total", "counter", "Time that the pipeline computed.",
     [](const JobInfo& job) { return job.busy_seconds; }},
    {"millrace_state_bytes", "gauge", "Memory of the pipeline's state.",
     [](const JobInfo& job) { return Of(job.state_bytes); }},
    {"millrace_state_entries", "gauge", "Rows of the pipeline's state.",
     [](const JobInfo& job) { return Of(job.state_rows); }},
    {"millrace_state_evicted_rows_total", "counter", "Rows that left memory for the store.",
     [](const JobInfo& job) { return Of(job.cold.evicted_rows); }},
    {"millrace_state_evicted_bytes_total", "counter", "Memory that they had.",
     [](const JobInfo& job) { return Of(job.cold.evicted_bytes); }},
    {"millrace_state_reads_total", "counter", "Keys looked for in the store.",
     [](const JobInfo& job) { return Of(job.cold.asked_rows); }},
    {"millrace_state_read_rows_total", "counter", "Rows read back from the store.",
     [](const JobInfo& job) { return Of(job.cold.read_rows); }},
    {"millrace_state_expired_total", "counter", "Rows of the state that its TTL ended.",
     [](const JobInfo& job) { return Of(job.expired_rows); }},
    {"millrace_state_dropped_deletes_total", "counter", "Deletions of rows that had expired.",
     [](const JobInfo& job) { return Of(job.dropped_rows); }},
    {"millrace_combined_rows_total", "counter", "Rows aggregated before they changed partitions.",
     [](const JobInfo& job) { return Of(job.combined_rows); }},
};

void AppendJobs(const std::vector<JobInfo>& jobs, Page* page) {
  for (const JobMetric& metric : kJobMetrics) {
    page->Metric(metric.name, metric.type, metric.help);
    for (const JobInfo& job : jobs) {
      page->Sample(metric.name, Label("pipeline", job.name), metric.value(job));
    }
  }
  page->Metric("millrace_operator_watermark_seconds", "gauge", "Event time of the pipeline.");
  for (const JobInfo& job : jobs) {
    if (!job.watermark) continue;
    page->Sample("millrace_operator_watermark_seconds", Label("pipeline", job.name),
                 static_cast<double>(*job.watermark) / 1e6);
  }
  page->Metric("millrace_checkpoints_total", "counter", "Checkpoints of the pipeline.");
  for (const JobInfo& job : jobs) {
    page->Sample("millrace_checkpoints_total", Label("pipeline", job.name) + ",result=\"ok\"",
                 job.checkpoints);
  }
  constexpr std::string_view kLast = "millrace_checkpoint_last_success_timestamp_seconds";
  page->Metric(kLast, "gauge", "When the last checkpoint was sealed.");
  for (const JobInfo& job : jobs) {
    if (job.last_checkpoint_micros == 0) continue;
    page->Sample(kLast, Label("pipeline", job.name),
                 static_cast<double>(job.last_checkpoint_micros) / 1e6);
  }
}

void AppendLag(const std::vector<JobInfo>& jobs, Page* page) {
  struct LagMetric {
    std::string_view name, help;
    double (*value)(const SourceLag&);
  };
  constexpr LagMetric kMetrics[] = {
      {"millrace_source_kafka_lag_records", "Records that are there and not read yet.",
       [](const SourceLag& lag) { return static_cast<double>(lag.records()); }},
      {"millrace_source_kafka_lag_seconds", "Age of the last record read, while there are more.",
       [](const SourceLag& lag) { return lag.seconds; }},
      {"millrace_source_kafka_position_offset", "The next record to read.",
       [](const SourceLag& lag) { return static_cast<double>(lag.position); }},
      {"millrace_source_kafka_end_offset", "Where the next record will be written.",
       [](const SourceLag& lag) { return static_cast<double>(lag.end); }},
  };
  for (const LagMetric& metric : kMetrics) {
    bool first = true;
    for (const JobInfo& job : jobs) {
      for (const auto& [table, lag] : job.lag) {
        if (std::exchange(first, false)) page->Metric(metric.name, "gauge", metric.help);
        const size_t slash = lag.partition.rfind('/');
        page->Sample(metric.name,
                     Label("pipeline", job.name) + "," + Label("table", table) + "," +
                         Label("topic", lag.partition.substr(0, slash)) + "," +
                         Label("partition", lag.partition.substr(slash + 1)),
                     metric.value(lag));
      }
    }
  }
}

void AppendStates(const std::vector<JobInfo>& jobs, Page* page) {
  std::map<std::string, uint64_t> states{
      {"RUNNING", 0}, {"PAUSED", 0},  {"RESTARTING", 0},
      {"FINISHED", 0}, {"FAILED", 0}, {"STOPPED", 0}};
  for (const JobInfo& job : jobs) ++states[job.state];
  page->Metric("millrace_pipelines", "gauge", "Pipelines by state.");
  for (const auto& [state, count] : states) {
    page->Sample("millrace_pipelines", Label("state", state), count);
  }
}

}  // namespace

HttpMetrics::HttpMetrics(std::vector<Route> routes)
    : routes_(std::move(routes)), counters_(routes_.size()) {}

void HttpMetrics::Count(size_t route, int status, double seconds) {
  Counters& counters = counters_[route];
  const auto found = std::find(kStatuses.begin(), kStatuses.end(), status);
  counters.statuses[static_cast<size_t>(found - kStatuses.begin())].fetch_add(
      1, std::memory_order_relaxed);
  const auto bound = std::lower_bound(kBounds.begin(), kBounds.end(), seconds);
  counters.buckets[static_cast<size_t>(bound - kBounds.begin())].fetch_add(
      1, std::memory_order_relaxed);
  counters.micros.fetch_add(static_cast<uint64_t>(seconds * 1e6), std::memory_order_relaxed);
}

void HttpMetrics::AppendTo(std::string* out) const {
  Page page(out);
  const auto labels = [this](size_t i) {
    return Label("route", routes_[i].path) + "," + Label("method", routes_[i].method);
  };
  page.Metric("millrace_http_requests_total", "counter", "Requests by route and status.");
  for (size_t i = 0; i < routes_.size(); ++i) {
    for (size_t k = 0; k <= kStatuses.size(); ++k) {
      const uint64_t count = counters_[i].statuses[k].load(std::memory_order_relaxed);
      if (count == 0) continue;
      const std::string code = k < kStatuses.size() ? std::to_string(kStatuses[k]) : "other";
      page.Sample("millrace_http_requests_total", labels(i) + "," + Label("code", code), count);
    }
  }
  constexpr std::string_view kDuration = "millrace_http_request_duration_seconds";
  page.Metric(kDuration, "histogram", "Time from request to response.");
  for (size_t i = 0; i < routes_.size(); ++i) {
    uint64_t count = 0;
    std::string buckets;
    Page rows(&buckets);
    for (size_t k = 0; k <= kBounds.size(); ++k) {
      count += counters_[i].buckets[k].load(std::memory_order_relaxed);
      const std::string le = k < kBounds.size() ? fmt::format("{}", kBounds[k]) : "+Inf";
      rows.Sample(fmt::format("{}_bucket", kDuration), labels(i) + "," + Label("le", le), count);
    }
    if (count == 0) continue;
    out->append(buckets);
    const uint64_t micros = counters_[i].micros.load(std::memory_order_relaxed);
    page.Sample(fmt::format("{}_sum", kDuration), labels(i), static_cast<double>(micros) / 1e6);
    page.Sample(fmt::format("{}_count", kDuration), labels(i), count);
  }
}

std::string MetricsPage(const Engine& engine, const HttpMetrics& http, double start_seconds,
                        std::string_view version) {
  std::string out;
  Page page(&out);
  page.Metric("millrace_build_info", "gauge", "The version of the server.");
  page.Sample("millrace_build_info", Label("version", version), 1);
  page.Metric("millrace_start_time_seconds", "gauge", "When the server started.");
  page.Sample("millrace_start_time_seconds", "", start_seconds);
  const ProcessUsage usage = GetProcessUsage();
  page.Metric("process_cpu_seconds_total", "counter", "CPU time of the process.");
  page.Sample("process_cpu_seconds_total", "", usage.cpu_seconds);
  page.Metric("process_resident_memory_bytes", "gauge", "Memory of the process.");
  page.Sample("process_resident_memory_bytes", "", usage.resident_bytes);
  const std::vector<JobInfo> jobs = engine.Jobs();
  AppendStates(jobs, &page);
  AppendJobs(jobs, &page);
  AppendLag(jobs, &page);
  http.AppendTo(&out);
  return out;
}

ProcessUsage GetProcessUsage() {
  ProcessUsage usage;
  rusage times{};
  ::getrusage(RUSAGE_SELF, &times);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  usage.cpu_seconds = seconds(times.ru_utime) + seconds(times.ru_stime);
  usage.peak_resident_bytes = static_cast<uint64_t>(times.ru_maxrss) * 1024;
  std::ifstream statm("/proc/self/statm");
  uint64_t total = 0, resident = 0;
  if (statm >> total >> resident) {
    usage.resident_bytes = resident * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  }
  return usage;
}

}  // namespace millrace
