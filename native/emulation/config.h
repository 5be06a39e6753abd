// How emulated kernels run, and which device they are told they run on. Set through text, so that a test
// program, an environment variable (LPREG_EMULATION) and a foreign caller of the emulated library use one
// way:
//   order=forward|reverse|random|starving  seed=N  threads=N  cluster=N  lazy=0|1
//   device=h200|t4|none|no-driver|old-driver  devices=N  multiprocessors=N  memory=BYTES  fail=NAME@NTH:ERROR
//   leave-out=FILE:LINE (a barrier of the kernels that does nothing: a planted bug)
//   exp2=N (powers of 2 are N units in the last place too large)  exp2=N@SEED (each is up to N off)
//   guard=0|1 (device memory is out of reach for host code)  strict=0|1 (kernels reach device memory only)
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "../cuda/availability.h"

namespace lpreg::emulation {

enum class Order {
  kForward,
  kReverse,
  kRandom,
  kStarving,  // one random warp or CTA runs only when nothing else can
};

struct Device {
  cuda::Absence absence;   // why it cannot be used
  int compute_capability;  // 90 for 9.0
  int multiprocessors;
  size_t l2_bytes, memory_bytes;
  size_t static_shared, shared_per_block;  // bytes per block: of static arrays; in all
};

struct InjectedFailure {
  std::string
      call;       // a function of device_api.h, `launch`, `kernel` (fails while it runs), `any`; empty: none
  int countdown;  // fails on the call with this number, counted from 1
  int error;
  std::string struck;  // the call that failed, once it did
};

// What a device's own instruction may be off by, in units in the last place.
struct Exp2Error {
  int units;
  uint64_t seed;  // 0: all by `units`, else each by a draw from -units to units
};

struct Config {
  Order order = Order::kForward;
  uint64_t seed = 1;
  int threads = 0, cluster = 0;  // DeviceFacts' forced_threads and forced_cluster
  bool lazy_streams = false;     // queued work runs only when the host waits for it
  bool guard = false, strict = false;
  Exp2Error exp2_error{};
  std::string left_out;  // a barrier
  Device device;
  int devices = 1;
  InjectedFailure failure{};
};

Config& config();

// Reads comma-separated settings over the defaults. False, with nothing changed, when one is not understood.
bool configure(const char* text);

}  // namespace lpreg::emulation
