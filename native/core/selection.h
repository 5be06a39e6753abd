// Exact selection: the k smallest of a list, and order statistics, ties by lowest index. A radix select over
// ordered 64-bit keys: eight passes of 256 counters, so that both back ends decide alike whatever the order
// of execution.
#pragma once

#include <cstdint>
#include <cstring>

#include "host_device.h"

namespace lpreg::core {

constexpr int kRadixBits = 8;
constexpr int kRadixBuckets = 1 << kRadixBits;
constexpr int kRadixPasses = 64 / kRadixBits;

// Maps float64 to integers of the same order; -0 and +0 are equal. NaN must not be selected among.
LPREG_HD uint64_t ascending_key(double value) {
  const double normalised = value == 0 ? 0 : value;
  uint64_t bits;
  memcpy(&bits, &normalised, sizeof bits);
  return bits & 0x8000000000000000ull ? ~bits : bits | 0x8000000000000000ull;
}

LPREG_HD uint64_t descending_key(double value) { return ~ascending_key(value); }

LPREG_HD double value_of_ascending_key(uint64_t key) {
  const uint64_t bits = key & 0x8000000000000000ull ? key & 0x7fffffffffffffffull : ~key;
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

// State of a select for the element of rank `rank` (0-based): after the last pass `prefix` is its key and
// `rank` its place among the elements with an equal key.
struct RadixSelect {
  uint64_t prefix;
  int64_t rank;
  int pass;  // digits fixed so far
};

LPREG_HD int digit_shift(int pass) { return 64 - kRadixBits * (pass + 1); }

LPREG_HD bool matches_prefix(const RadixSelect& select, uint64_t key) {
  return select.pass == 0 || (key ^ select.prefix) >> (64 - kRadixBits * select.pass) == 0;
}

LPREG_HD int digit_of(const RadixSelect& select, uint64_t key) {
  return static_cast<int>((key >> digit_shift(select.pass)) & (kRadixBuckets - 1));
}

// Descends into the bucket that holds the rank, given the digit counts of the keys that match the prefix.
template <class Count>
LPREG_HD void descend(RadixSelect* select, const Count* counts) {
  int bucket = 0;
  while (bucket < kRadixBuckets - 1 && select->rank >= static_cast<int64_t>(counts[bucket])) {
    select->rank -= static_cast<int64_t>(counts[bucket++]);
  }
  select->prefix |= static_cast<uint64_t>(bucket) << digit_shift(select->pass);
  ++select->pass;
}

// Draws for Clip-Cov: a token's rank is decided by a hash of seed and index, so the draw is the same on every
// back end.
LPREG_HD uint64_t random_key(uint64_t seed, int64_t index) {
  uint64_t x = seed + 0x9e3779b97f4a7c15ull * (static_cast<uint64_t>(index) + 1);
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}

}  // namespace lpreg::core
