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
#include "statistics-inl.h"

namespace lpreg::cpu {
namespace {

template <class T>
struct Tag {
  using Type = T;
};
template <bool kValue>
struct Flag {
  static constexpr bool value = kValue;
};
template <unsigned kValue>
struct Sums {
  static constexpr unsigned value = kValue;
};
template <GradientKind kValue>
struct Kind {
  static constexpr GradientKind value = kValue;
};

// Turn a run-time dtype or flag into a compile-time one: f(Tag<element>) and f(Flag<...>).
template <class Function>
LPREG_INLINE auto with_dtype(int32_t dtype, Function f) {
  if (dtype == LPREG_FLOAT16) return f(Tag<Float16>{});
  if (dtype == LPREG_BFLOAT16) return f(Tag<BFloat16>{});
  return f(Tag<float>{});
}
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

template <class T>
LPREG_INLINE const T* elements(RowView row) {
  return static_cast<const T*>(row.data);
}

// Calls f(elements, softcap flag) for a row.
template <class Function>
LPREG_INLINE auto with_row(RowView row, const ExpParams& params, Function f) {
  return with_dtype(row.dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    return with_flag(params.softcap != 0.0, [&](auto softcap) { return f(elements<T>(row), softcap); });
  });
}

void part_of_row(RowView row, ExpParams params, bool want_moment, bool want_raw, lpreg_row_part* part) {
  with_row(row, params, [&](auto* data, auto softcap) {
    const auto write = [&](auto wanted) {
      BlockMaxima blocks(row.count);
      const float max = maximum(data, row, &blocks);
      const auto sums = statistics<softcap.value, wanted.value>(data, row, &blocks, params, max, 0.0F);
      write_part(sums, params, max, sums.rest.total(), part);
    };
    // The raw sum is rare, and so is a softcap: then the moment comes along.
    if (want_raw) return write(Sums<kMoment | kRaw>{});
    if constexpr (softcap.value) {
      write(Sums<kMoment>{});
      if (!want_moment) part->moment = 0;
    } else {
      if (want_moment) return write(Sums<kMoment>{});
      write(Sums<0>{});
    }
  });
}

void kept_of_row(RowView row, ExpParams params, float max, float cut, bool want_linear,
                 lpreg_row_kept* kept) {
  with_row(row, params, [&](auto* data, auto softcap) {
    with_flag_or_always<softcap.value>(want_linear, [&](auto linear) {
      constexpr unsigned kWanted = kKept | (linear.value ? kLinear : 0);
      const auto sums = statistics<softcap.value, kWanted>(data, row, nullptr, params, max, cut);
      write_kept(sums, params, kept);
      if (!want_linear) kept->linear = 0;
    });
  });
}

void part_and_kept_of_row(RowView row, ExpParams params, bool want_moment, float cut, lpreg_row_part* part,
                          lpreg_row_kept* kept) {
  with_row(row, params, [&](auto* data, auto softcap) {
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
  return with_row(current, params, [&](auto* current_data, auto softcap) {
    return with_dtype(old.dtype, [&](auto tag) {
      const auto* old_data = elements<typename decltype(tag)::Type>(old);
      Cross body(current_data, old_data, Distance<softcap.value>(current_max, params),
                 Distance<softcap.value>(old_max, params), params.temperature, old_cut);
      sweep(current.count, body);
      return body.lost.total() > 0 ? __builtin_inf() : body.sum.total() / params.temperature;
    });
  });
}

void fill_proxy_row(RowView old, ExpParams params, float max, float cut, double scale, float* q) {
  with_row(old, params, [&](auto* data, auto softcap) {
    FillProxy body(data, q, Distance<softcap.value>(max, params), params.temperature, cut, scale);
    sweep(old.count, body);
  });
}

double proxy_dot_row(RowView row, ExpParams params, float max, const float* q) {
  return with_row(row, params, [&](auto* data, auto softcap) {
    ProxyDot body(data, q, Distance<softcap.value>(max, params));
    sweep(row.count, body);
    return body.lost.total() > 0 ? -__builtin_inf() : body.sum.total() / params.temperature;
  });
}

void gradient_row(RowView row, const GradientParams& params, void* out, int32_t out_dtype) {
  with_row(row, params.exp, [&](auto* data, auto softcap) {
    with_dtype(out_dtype, [&](auto tag) {
      using Out = typename decltype(tag)::Type;
      const auto write = [&](auto kind) {
        sweep_gradient<softcap.value, kind.value>(data, row, params, static_cast<Out*>(out));
      };
      if constexpr (!softcap.value) {
        const GradientKind kind = kind_of(params);
        if (kind == GradientKind::kSimple) return write(Kind<GradientKind::kSimple>{});
        if (kind == GradientKind::kFiltered) return write(Kind<GradientKind::kFiltered>{});
      }
      write(Kind<GradientKind::kFull>{});
    });
  });
}

constexpr RowKernels row_kernels_named(const char* name) {
  return {name,          part_of_row,    kept_of_row,   part_and_kept_of_row,
          cross_of_rows, fill_proxy_row, proxy_dot_row, gradient_row};
}

}  // namespace
}  // namespace lpreg::cpu
