// The row kernels of one instruction set: everything that touches a whole row of logits on the CPU.
//
// Notation: z' is the softcapped logit (z' = z without softcap, cap * tanh(z / cap) with it, and -inf stays
// -inf), d = z' - max' its distance from the row's maximum (0 for maximisers, never positive), e = exp(d /
// t). d is formed before the division by t (SEMANTICS §1). Elements at -inf have e = 0 and contribute 0 to
// every sum. A row's sums do not depend on threads, alignment or where the row lies in memory: lanes
// accumulate in float32 in a fixed order over blocks, and blocks in float64; in short rows all is float64.
#pragma once

#include <cstdint>

#include "../include/lpreg.h"

namespace lpreg::cpu {

// What is swept of a row before its thread reads another one: each sweep fetches its share of that.
enum class Sweeps { kSums, kSumsAndGradient, kGradient };

struct RowView {
  const void* data;
  int64_t count;
  int32_t dtype;  // lpreg_dtype
  // The row, as long and of the same dtype, that this thread reads next, fetched towards the caches
  // meanwhile; nullptr: unknown.
  const void* next = nullptr;
  Sweeps sweeps = Sweeps::kSums;
};

struct ExpParams {
  double temperature;
  double softcap;  // 0: none
};

struct GradientParams {
  ExpParams exp;
  float max;       // as given, before softcap
  float cut;       // K is d >= cut
  double kept;     // g = e * ((d >= cut ? kept : dropped) + slope * d) + constant - proxy_scale * q
  double dropped;  //     and, with softcap, g *= 1 - tanh(z / cap)^2
  double slope;    // per unit of d, not of d / t
  double constant;
  double proxy_scale;
  const float* proxy;  // q [count], dense; nullptr: no q term
  bool past_caches;    // a hint that the gradient, which is not written in place, is too large for the caches
};

struct RowKernels {
  const char* name;  // "baseline", "avx2", "avx512", "neon"

  // (a): max, max_count, rest and, where asked for, moment and raw_rest; leaves action_logit alone. NaN or
  // +inf anywhere makes `rest` NaN. An empty or all -inf row gives max = -inf, max_count = 0, rest = 0.
  void (*part)(RowView row, ExpParams exp, bool want_moment, bool want_raw, lpreg_row_part* part);

  // (b): given the row's maximum (as given, before softcap) and the cut.
  void (*kept)(RowView row, ExpParams exp, float max, float cut, bool want_linear, lpreg_row_kept* kept);

  // (a) and (b) for a cut that is known beforehand (min-p): one sweep for the maximum, one for everything
  // else.
  void (*part_and_kept)(RowView row, ExpParams exp, bool want_moment, float cut, lpreg_row_part* part,
                        lpreg_row_kept* kept);

  // Sum over K of the old row of e_old * (d_old - d_current) / t; +inf when a kept token is at -inf in the
  // current row.
  double (*cross)(RowView current, float current_max, RowView old, float old_max, float old_cut,
                  ExpParams exp);

  // q[v] = e_v * scale where d >= cut, else 0.
  void (*fill_proxy)(RowView old, ExpParams exp, float max, float cut, double scale, float* q);

  // Sum of q[v] * d_v / t over q[v] > 0; -inf when such a token is at -inf.
  double (*proxy_dot)(RowView row, ExpParams exp, float max, const float* q);

  // The gradient row; `out` may be `row` itself when the dtypes are equal. The caller overwrites the action's
  // element.
  void (*gradient)(RowView row, const GradientParams& params, void* out, int32_t out_dtype);
};

}  // namespace lpreg::cpu
