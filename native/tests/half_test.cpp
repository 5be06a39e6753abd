// float16 and bfloat16: every bit pattern survives the way to float32 and back, and narrowing picks the
// nearest value.
#include <cstring>

#include "check.h"
#include "core/half.h"

using namespace lpreg::core;

namespace {

double float16_value(uint16_t bits) {
  const int exponent = (bits >> 10) & 31;
  const double fraction = bits & 1023;
  const double magnitude =
      exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
  return bits & 0x8000 ? -magnitude : magnitude;
}

bool is_nan16(uint16_t bits) { return (bits & 0x7fff) > 0x7c00; }
bool is_nan_bf16(uint16_t bits) { return (bits & 0x7fff) > 0x7f80; }

// Between two neighbours a < b: below the middle to a, above to b, the middle itself to the even one.
template <class Narrow>
void check_midpoint(float a, float b, uint16_t bits_a, uint16_t bits_b, const Narrow& narrow) {
  const float middle = static_cast<float>((static_cast<double>(a) + b) / 2);
  CHECK(narrow(middle) == (bits_a % 2 == 0 ? bits_a : bits_b));
  CHECK(narrow(std::nextafterf(middle, a)) == bits_a);
  CHECK(narrow(std::nextafterf(middle, b)) == bits_b);
}

}  // namespace

int main() {
  for (uint32_t i = 0; i < 65536; ++i) {
    const auto bits = static_cast<uint16_t>(i);
    if (is_nan16(bits)) {
      CHECK(std::isnan(float16_to_float(bits)) && is_nan16(float_to_float16(float16_to_float(bits))));
    } else {
      CHECK(float_to_float16(float16_to_float(bits)) == bits);
      if ((bits & 0x7c00) != 0x7c00) CHECK(float16_to_float(bits) == float16_value(bits));
    }
    if (is_nan_bf16(bits)) {
      CHECK(std::isnan(bfloat16_to_float(bits)) && is_nan_bf16(float_to_bfloat16(bfloat16_to_float(bits))));
    } else {
      CHECK(float_to_bfloat16(bfloat16_to_float(bits)) == bits);
    }
  }
  for (uint32_t i = 0; i < 0x7bff; ++i) {
    const auto a = static_cast<uint16_t>(i);
    const auto b = static_cast<uint16_t>(i + 1);
    check_midpoint(float16_to_float(a), float16_to_float(b), a, b, float_to_float16);
  }
  for (uint32_t i = 0x0080; i < 0x7f7f; ++i) {
    const auto a = static_cast<uint16_t>(i);
    const auto b = static_cast<uint16_t>(i + 1);
    check_midpoint(bfloat16_to_float(a), bfloat16_to_float(b), a, b, float_to_bfloat16);
  }
  CHECK(float_to_float16(65519.0f) == 0x7bff && float_to_float16(65520.0f) == 0x7c00);
  CHECK(float_to_float16(1e-9f) == 0 && float_to_float16(-1e-9f) == 0x8000);
  return lpreg::test::finish();
}
