// Sums that never overflow and never lose what a retraction takes back.
#pragma once

#include <cmath>
#include <cstdint>

#include "base/hash.h"
#include "types/type.h"

namespace millrace {

// A 128-bit sum of 64-bit values. Two words, since states are aligned to 8 only.
class Sum128 {
 public:
  void Add(int128_t value) {
    const uint128_t sum =
        (static_cast<uint128_t>(high_) << 64 | low_) + static_cast<uint128_t>(value);
    low_ = static_cast<uint64_t>(sum);
    high_ = static_cast<uint64_t>(sum >> 64);
  }
  int128_t value() const {
    return static_cast<int128_t>(static_cast<uint128_t>(high_) << 64 | low_);
  }

 private:
  uint64_t low_ = 0, high_ = 0;
};

// A 192-bit sum of 128-bit values.
class Sum192 {
 public:
  void Add(int128_t value) {
    const uint128_t bits = static_cast<uint128_t>(value);
    AddWords(static_cast<uint64_t>(bits), static_cast<uint64_t>(bits >> 64), value < 0 ? ~0ull : 0);
  }
  void AddProduct(int128_t value, int64_t factor) {
    const bool negative = (value < 0) != (factor < 0);
    const uint128_t a = value < 0 ? -static_cast<uint128_t>(value) : static_cast<uint128_t>(value);
    const uint64_t b = factor < 0 ? -static_cast<uint64_t>(factor) : static_cast<uint64_t>(factor);
    const uint128_t low = static_cast<uint128_t>(static_cast<uint64_t>(a)) * b;
    const uint128_t high = (a >> 64) * b + (low >> 64);
    Sum192 product;
    product.words_[0] = static_cast<uint64_t>(low);
    product.words_[1] = static_cast<uint64_t>(high);
    product.words_[2] = static_cast<uint64_t>(high >> 64);
    negative ? Subtract(product) : Add(product);
  }
  void Add(const Sum192& other) { AddWords(other.words_[0], other.words_[1], other.words_[2]); }
  void Subtract(const Sum192& other) {
    AddWords(~other.words_[0], ~other.words_[1], ~other.words_[2]);
    AddWords(1, 0, 0);
  }
  bool fits() const { return words_[2] == ((words_[1] >> 63) != 0 ? ~0ull : 0); }
  // REQUIRES: fits().
  int128_t value() const {
    return static_cast<int128_t>(static_cast<uint128_t>(words_[1]) << 64 | words_[0]);
  }

 private:
  void AddWords(uint64_t a, uint64_t b, uint64_t c) {
    const uint128_t low = static_cast<uint128_t>(words_[0]) + a;
    const uint128_t middle =
        static_cast<uint128_t>(words_[1]) + b + static_cast<uint64_t>(low >> 64);
    words_[0] = static_cast<uint64_t>(low);
    words_[1] = static_cast<uint64_t>(middle);
    words_[2] += c + static_cast<uint64_t>(middle >> 64);
  }

  uint64_t words_[3] = {};
};

// A sum of doubles with twice their precision (Dekker), about 32 digits.
class DoubleSum {
 public:
  void Add(double value) {
    const double sum = high_ + value;
    const double back = sum - high_;
    const double error = (high_ - (sum - back)) + (value - back);
    const double low = low_ + error;
    high_ = sum + low;
    low_ = low - (high_ - sum);
  }
  // With the bits that the product loses.
  void AddProduct(double a, double b) {
    const double product = a * b;
    Add(product);
    Add(std::fma(a, b, -product));
  }
  void Add(const DoubleSum& other) {
    Add(other.high_);
    Add(other.low_);
  }
  void Subtract(const DoubleSum& other) {
    Add(-other.high_);
    Add(-other.low_);
  }
  double value() const { return high_ + low_; }
  double high() const { return high_; }
  double low() const { return low_; }

 private:
  double high_ = 0, low_ = 0;
};

// A sum of doubles with four times their precision, about 64 digits: each part holds what the one
// before it rounds off.
class QuadSum {
 public:
  void Add(double value) {
    for (double& part : parts_) {
      const double sum = part + value;
      const double back = sum - part;
      value = (part - (sum - back)) + (value - back);
      part = sum;
    }
  }
  // With the bits that the product loses.
  void AddProduct(double a, double b) {
    const double product = a * b;
    Add(product);
    Add(std::fma(a, b, -product));
  }
  void Add(const QuadSum& other) {
    for (double part : other.parts_) Add(part);
  }
  void Subtract(const QuadSum& other) {
    for (double part : other.parts_) Add(-part);
  }
  // The sum times `factor`.
  DoubleSum Times(double factor) const {
    DoubleSum product;
    for (double part : parts_) product.AddProduct(part, factor);
    return product;
  }

 private:
  double parts_[4] = {};
};

}  // namespace millrace
