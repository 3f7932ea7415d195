// Time, medians and the lines that bench/run reads.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace millrace::bench {

// What a piece of work took: of the wall clock, and of the CPU over all threads of the process.
struct Cost {
  double wall = 0, cpu = 0;
};

Cost Measure(const std::function<void()>& work);

double Median(std::vector<double> values);

// One row of the table. `ratio` is to `kernel`, or the value itself when that is empty.
struct Result {
  std::string name;
  double value = 0;
  std::string unit;
  std::string kernel;  // "K4", or another row's name; "" for none.
  double kernel_value = 0;
  double ratio = 0;
  double floor = 0;      // 0: none.
  bool at_most = false;  // The floor is a ceiling.
};

// Prints the row as a line of JSON.
void Print(const Result& result);

// A kernel and the row that is held against it, in the same unit.
struct Pair {
  std::function<double()> kernel, row;
};
// Runs both in turns and takes the medians, of the ratios too: the machine's speed changes over
// seconds.
void Compare(Result result, const Pair& pair, int rounds);
// A row without a kernel.
void Repeat(Result result, const std::function<double()>& row, int rounds);

}  // namespace millrace::bench
