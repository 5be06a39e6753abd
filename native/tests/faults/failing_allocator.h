// Replaces the program's operator new by one that can be told to fail, and counts what it hands out.
#pragma once

namespace lpreg::test {

// While an object of this type lives, the n-th allocation of any thread, counted from 0, throws
// std::bad_alloc. A negative n lets all of them pass. One at a time.
class AllocationFault {
 public:
  explicit AllocationFault(long n);
  ~AllocationFault();
  AllocationFault(const AllocationFault&) = delete;
  AllocationFault& operator=(const AllocationFault&) = delete;

  bool struck() const;       // whether the n-th allocation was asked for
  long allocations() const;  // asked for so far
};

// Allocations that were handed out by operator new and not yet given back, of the whole program.
long live_allocations();

}  // namespace lpreg::test
