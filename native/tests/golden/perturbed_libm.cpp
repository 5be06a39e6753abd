// Preloaded, it is a C library whose elementary functions differ from this machine's in the last bit of every
// second value, as those of another version or for another CPU may. Exact values stay.
#include <dlfcn.h>

#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstring>

namespace {

std::atomic<long> calls{0};

double perturbed(const char* name, double x) {
  const auto function = reinterpret_cast<double (*)(double)>(dlsym(RTLD_NEXT, name));
  const double y = function(x);
  ++calls;
  if (!std::isfinite(y) || y == 0 || y == 1 || y == -1) return y;
  uint64_t bits = 0;
  std::memcpy(&bits, &x, sizeof bits);
  const uint64_t draw = bits * 0x9e3779b97f4a7c15u >> 62;
  return draw < 2 ? y : std::nextafter(y, draw == 2 ? -INFINITY : INFINITY);
}

}  // namespace

extern "C" {
#define LPREG_EXPORT __attribute__((visibility("default")))
LPREG_EXPORT long lpreg_perturbed_calls() { return calls; }
LPREG_EXPORT double exp(double x) noexcept { return perturbed("exp", x); }
LPREG_EXPORT double expm1(double x) noexcept { return perturbed("expm1", x); }
LPREG_EXPORT double log(double x) noexcept { return perturbed("log", x); }
LPREG_EXPORT double log1p(double x) noexcept { return perturbed("log1p", x); }
LPREG_EXPORT double tanh(double x) noexcept { return perturbed("tanh", x); }
}
