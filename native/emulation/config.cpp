#include "config.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <sstream>

namespace lpreg::emulation {
namespace {

using cuda::Absence;

constexpr size_t kKiB = 1024;
constexpr size_t kGiB = kKiB * kKiB * kKiB;

Device h200() { return {Absence::kNone, 90, 132, 50 * kKiB * kKiB, 141 * kGiB, 48 * kKiB, 227 * kKiB}; }
Device t4() { return {Absence::kNone, 75, 40, 4 * kKiB * kKiB, 16 * kGiB, 48 * kKiB, 64 * kKiB}; }

bool set_device(const std::string& value, Device* device) {
  *device = value == "t4" ? t4() : h200();
  if (value == "none") device->absence = Absence::kNoDevice;
  if (value == "no-driver") device->absence = Absence::kNoDriver;
  if (value == "old-driver") device->absence = Absence::kOldDriver;
  return value == "h200" || value == "t4" || device->absence != Absence::kNone;
}

bool set_order(const std::string& value, Order* order) {
  const char* const names[] = {"forward", "reverse", "random", "starving"};
  for (int i = 0; i < 4; ++i) {
    if (value != names[i]) continue;
    *order = static_cast<Order>(i);
    return true;
  }
  return false;
}

bool set_failure(const std::string& value, InjectedFailure* failure) {
  const size_t at = value.find('@');
  if (at == std::string::npos) return false;
  failure->call = value.substr(0, at);
  return std::sscanf(value.c_str() + at, "@%d:%d", &failure->countdown, &failure->error) == 2;
}

bool set_exp2_error(const std::string& value, Exp2Error* error) {
  char rest = 0;
  *error = {};
  const int read = std::sscanf(value.c_str(), "%d@%" SCNu64 "%c", &error->units, &error->seed, &rest);
  return read == 2 ? error->units >= 0 : read == 1 && value.find('@') == std::string::npos;
}

bool set(const std::string& key, const std::string& value, Config* config) {
  char* end = nullptr;
  const long long number = std::strtoll(value.c_str(), &end, 10);
  if (key == "order") return set_order(value, &config->order);
  if (key == "device") return set_device(value, &config->device);
  if (key == "leave-out") {
    config->left_out = value;
    return true;
  }
  if (key == "exp2") return set_exp2_error(value, &config->exp2_error);
  if (key == "fail") return set_failure(value, &config->failure);
  if (value.empty() || *end != 0) return false;
  if (key == "seed") config->seed = static_cast<uint64_t>(number);
  if (key == "threads") config->threads = static_cast<int>(number);
  if (key == "cluster") config->cluster = static_cast<int>(number);
  if (key == "lazy") config->lazy_streams = number != 0;
  if (key == "guard") config->guard = number != 0;
  if (key == "strict") config->strict = number != 0;
  if (key == "devices") config->devices = static_cast<int>(number);
  if (key == "multiprocessors") config->device.multiprocessors = static_cast<int>(number);
  if (key == "memory") config->device.memory_bytes = static_cast<size_t>(number);
  const char* const known[] = {"seed",   "threads", "cluster",         "lazy",  "guard",
                               "strict", "devices", "multiprocessors", "memory"};
  return std::find(std::begin(known), std::end(known), key) != std::end(known);
}

bool parse(const char* text, Config* config) {
  std::istringstream settings(text);
  std::string setting;
  while (std::getline(settings, setting, ',')) {
    const size_t equals = setting.find('=');
    if (equals == std::string::npos) return false;
    if (!set(setting.substr(0, equals), setting.substr(equals + 1), config)) return false;
  }
  return true;
}

Config initial() {
  Config config;
  config.device = h200();
  const char* text = std::getenv("LPREG_EMULATION");
  if (text != nullptr && !parse(text, &config)) {
    std::fprintf(stderr, "LPREG_EMULATION is not understood: %s\n", text);
    std::exit(2);
  }
  return config;
}

}  // namespace

Config& config() {
  static Config current = initial();
  return current;
}

bool configure(const char* text) {
  Config next;
  next.device = h200();
  if (!parse(text, &next)) return false;
  config() = next;
  return true;
}

}  // namespace lpreg::emulation
