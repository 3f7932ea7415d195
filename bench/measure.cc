#include "bench/measure.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "base/json_text.h"

namespace millrace::bench {
namespace {

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace

Cost Measure(const std::function<void()>& work) {
  const double cpu = CpuSeconds();
  const auto began = std::chrono::steady_clock::now();
  work();
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - began;
  return {wall.count(), CpuSeconds() - cpu};
}

double Median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

void Print(const Result& r) {
  std::string line = "{\"name\": ";
  AppendJsonString(r.name, &line);
  line += ", \"unit\": ";
  AppendJsonString(r.unit, &line);
  line += ", \"kernel\": ";
  AppendJsonString(r.kernel, &line);
  char numbers[256];
  std::snprintf(numbers, sizeof numbers,
                ", \"value\": %.6g, \"kernel_value\": %.6g, \"ratio\": %.4g, \"floor\": %.6g, "
                "\"at_most\": %s}",
                r.value, r.kernel_value, r.ratio, r.floor, r.at_most ? "true" : "false");
  std::puts((line + numbers).c_str());
  std::fflush(stdout);
}

void Compare(Result result, const Pair& pair, int rounds) {
  std::vector<double> kernels, rows, ratios;
  for (int round = 0; round < rounds; ++round) {
    kernels.push_back(pair.kernel());
    rows.push_back(pair.row());
    ratios.push_back(rows.back() / kernels.back());
  }
  result.value = Median(rows);
  result.kernel_value = Median(kernels);
  result.ratio = Median(ratios);
  Print(result);
}

void Repeat(Result result, const std::function<double()>& row, int rounds) {
  std::vector<double> rows;
  for (int round = 0; round < rounds; ++round) rows.push_back(row());
  result.value = result.ratio = Median(rows);
  Print(result);
}

}  // namespace millrace::bench
