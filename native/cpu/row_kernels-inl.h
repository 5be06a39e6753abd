// The entry points of one instruction set, written over `Lanes`. Included once by each target_*.cpp, after
// its lanes.
//
// A row is read twice by part and part_and_kept (the second time from the cache), once by everything else;
// gradient and fill_proxy write once. No standard library here: an inline function of it, compiled for this
// instruction set, could be shared by the linker with code for older machines.
#pragma once

#include <cstdint>

#include "gradient-inl.h"
#include "proxy-inl.h"
#include "row_kernels.h"
#include "short_row-inl.h"

namespace lpreg::cpu {
namespace {

template <bool kValue>
struct Flag {
  static constexpr bool value = kValue;
};
template <unsigned kValue>
struct Sums {
  static constexpr unsigned value = kValue;
};
template <class Function>
LPREG_INLINE auto with_flag(bool flag, Function f) {
  return flag ? f(Flag<true>{}) : f(Flag<false>{});
}

// As with_flag, but what is rare has one way for both values, which does the more of the two; the caller
// takes back what was not wanted.
template <bool kIsRare, class Function>
LPREG_INLINE void with_flag_or_always(bool flag, Function f) {
  if constexpr (kIsRare) {
    f(Flag<true>{});
  } else {
    with_flag(flag, f);
  }
}

LPREG_INLINE AnyRow any(RowView row) { return {row.data, row.dtype}; }

// Calls f(row, softcap flag) with one way for all dtypes.
template <class Function>
LPREG_INLINE auto with_any_row(RowView row, const ExpParams& params, Function f) {
  return with_flag(params.softcap != 0.0, [&](auto softcap) { return f(any(row), softcap); });
}

// Calls f(elements) with a way of its own for each dtype; where code is to be small for float32 alone, and
// f(row) for the others.
template <class Function>
LPREG_INLINE void with_own_way(RowView row, Function f) {
  if constexpr (Lanes::kIsSmall) {
    if (row.dtype != LPREG_FLOAT32) return f(any(row));
    f(static_cast<const float*>(row.data));
  } else {
    with_elements(any(row), f);
  }
}

// Calls f(elements or row, softcap flag); a softcap takes so long that one way for all dtypes does.
template <class Function>
LPREG_INLINE void with_row(RowView row, const ExpParams& params, Function f) {
  if (params.softcap != 0.0) return f(any(row), Flag<true>{});
  with_own_way(row, [&](auto data) { f(data, Flag<false>{}); });
}

void part_of_row(RowView row, ExpParams params, bool want_moment, bool want_raw, lpreg_row_part* part) {
  if (is_short(row, params)) {
    return part_of_short_row(row, params, want_moment, want_raw, kMinusInfinity, part, nullptr);
  }
  const auto write = [&](auto data, auto softcap, auto wanted) {
    BlockMaxima blocks(row.count);
    const float max = maximum(data, row, &blocks);
    const auto sums = statistics<softcap.value, wanted.value>(data, row, &blocks, params, max, 0.0F);
    write_part(sums, params, max, sums.rest.total(), part);
  };
  // The raw sum is rare, and so is a softcap: then the moment comes along.
  if (want_raw) {
    return with_any_row(row, params,
                        [&](auto data, auto softcap) { write(data, softcap, Sums<kMoment | kRaw>{}); });
  }
  with_row(row, params, [&](auto data, auto softcap) {
    with_flag_or_always<softcap.value>(want_moment, [&](auto moment) {
      write(data, softcap, Sums<(moment.value ? kMoment : 0)>{});
      if (!want_moment) part->moment = 0;
    });
  });
}

void kept_of_row(RowView row, ExpParams params, float max, float cut, bool want_linear,
                 lpreg_row_kept* kept) {
  if (is_short(row, params)) return kept_of_short_row(row, params, max, cut, want_linear, kept);
  const auto write = [&](auto data, auto softcap, auto wanted) {
    const auto sums = statistics<softcap.value, wanted.value>(data, row, nullptr, params, max, cut);
    write_kept(sums, params, kept);
    if (!want_linear) kept->linear = 0;
  };
  if (want_linear || params.softcap != 0.0) {
    return with_any_row(row, params,
                        [&](auto data, auto softcap) { write(data, softcap, Sums<kKept | kLinear>{}); });
  }
  with_row(row, params, [&](auto data, auto softcap) {
    if constexpr (!softcap.value) write(data, softcap, Sums<kKept>{});
  });
}

void part_and_kept_of_row(RowView row, ExpParams params, bool want_moment, float cut, lpreg_row_part* part,
                          lpreg_row_kept* kept) {
  if (is_short(row, params)) return part_of_short_row(row, params, want_moment, false, cut, part, kept);
  with_row(row, params, [&](auto data, auto softcap) {
    with_flag_or_always<softcap.value>(want_moment, [&](auto moment) {
      constexpr unsigned kWanted = kKept | (moment.value ? kMoment : 0);
      BlockMaxima blocks(row.count);
      const float max = maximum(data, row, &blocks);
      const auto sums = statistics<softcap.value, kWanted>(data, row, &blocks, params, max, cut);
      write_kept(sums, params, kept);
      write_part(sums, params, max, kept->kept_rest + kept->dropped, part);
      if (!want_moment) part->moment = 0;
    });
  });
}

double cross_of_rows(RowView current, float current_max, RowView old, float old_max, float old_cut,
                     ExpParams params) {
  return with_any_row(current, params, [&](auto current_row, auto softcap) {
    Cross<softcap.value> body(current_row, any(old), Distance<softcap.value>(current_max, params),
                              Distance<softcap.value>(old_max, params), params.temperature, old_cut);
    sweep(current.count, body);
    return body.lost.total() > 0 ? __builtin_inf() : body.sum.total() / params.temperature;
  });
}

void fill_proxy_row(RowView old, ExpParams params, float max, float cut, double scale, float* q) {
  with_any_row(old, params, [&](auto old_row, auto softcap) {
    FillProxy<softcap.value> body(old_row, q, Distance<softcap.value>(max, params), params.temperature, cut,
                                  scale);
    sweep(old.count, body);
  });
}

double proxy_dot_row(RowView row, ExpParams params, float max, const float* q) {
  return with_any_row(row, params, [&](auto data, auto softcap) {
    ProxyDot<softcap.value> body(data, q, Distance<softcap.value>(max, params));
    sweep(row.count, body);
    return body.lost.total() > 0 ? -__builtin_inf() : body.sum.total() / params.temperature;
  });
}

// An output of the dtype that a loop reads.
template <class T>
LPREG_INLINE T* output_like(const T*, AnyOutput out) {
  return static_cast<T*>(out.data);
}
LPREG_INLINE AnyOutput output_like(AnyRow, AnyOutput out) { return out; }

void gradient_row(RowView row, const GradientParams& params, void* out, int32_t out_dtype) {
  const auto write = [&](auto data, auto output) {
    const GradientKind kind = kind_of(params);
    if (kind == GradientKind::kSimple)
      return sweep_gradient<false, GradientKind::kSimple>(data, row, params, output);
    if (kind == GradientKind::kFiltered)
      return sweep_gradient<false, GradientKind::kFiltered>(data, row, params, output);
    sweep_gradient<false, GradientKind::kFull>(data, row, params, output);
  };
  const AnyOutput any_out{out, out_dtype};
  if (params.exp.softcap != 0.0) {
    return sweep_gradient<true, GradientKind::kFull>(any(row), row, params, any_out);
  }
  // A gradient of another dtype than the logits is rare, and has six combinations.
  if (row.dtype != out_dtype) return write(any(row), any_out);
  if constexpr (Lanes::kCanStream) {
    const GradientKind kind = kind_of(params);
    if (params.past_caches && row.dtype == LPREG_FLOAT32 && kind != GradientKind::kFull) {
      const auto* data = static_cast<const float*>(row.data);
      if (kind == GradientKind::kSimple) {
        return stream_gradient<GradientKind::kSimple>(data, row, params, static_cast<float*>(out));
      }
      return stream_gradient<GradientKind::kFiltered>(data, row, params, static_cast<float*>(out));
    }
  }
  with_own_way(row, [&](auto data) { write(data, output_like(data, any_out)); });
}

constexpr RowKernels row_kernels_named(const char* name) {
  return {name,          part_of_row,    kept_of_row,   part_and_kept_of_row,
          cross_of_rows, fill_proxy_row, proxy_dot_row, gradient_row};
}

}  // namespace
}  // namespace lpreg::cpu
