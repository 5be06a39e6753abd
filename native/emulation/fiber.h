// Stackful fibers on one operating-system thread, known to ASan and TSan. TSan sees no order between two
// fibers but the one that acquire() and release() state, which makes it a race detector that no schedule can
// fool.
#pragma once

#include <cstddef>

#if !defined(__x86_64__) || defined(LPREG_EMULATION_UCONTEXT)
#include <ucontext.h>
#define LPREG_FIBER_UCONTEXT 1
#endif

namespace lpreg::emulation {

class Fiber {
 public:
  // The fiber starts in `entry` at the first switch to it, and never returns from it.
  void prepare(void (*entry)());
  void switch_to();       // from the scheduler
  void switch_back();     // to the scheduler, from this fiber
  void leave_for_ever();  // the same, when the fiber has ended
  static void entered();  // first thing in `entry`
  void forget();          // the fiber will not run again

 private:
  void back(bool ended);

  char* stack_ = nullptr;
  void* sanitizer_stack_ = nullptr;
  void* tsan_fiber_ = nullptr;
#ifdef LPREG_FIBER_UCONTEXT
  ucontext_t context_;
#else
  void* stack_pointer_ = nullptr;
#endif
};

// Happens-before edges for TSan; nothing elsewhere.
void acquire(const void* object);
void release(const void* object);

}  // namespace lpreg::emulation
