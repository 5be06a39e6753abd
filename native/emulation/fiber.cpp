// Compiled without -fsanitize=thread in a TSan build (LPREG_EMULATION_TSAN tells): only kernel code is
// instrumented.
#include "fiber.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef LPREG_EMULATION_TSAN
extern "C" {
void* __tsan_get_current_fiber();
void* __tsan_create_fiber(unsigned flags);
void __tsan_destroy_fiber(void* fiber);
void __tsan_switch_to_fiber(void* fiber, unsigned flags);
void __tsan_acquire(void* address);
void __tsan_release(void* address);
}
#endif

namespace lpreg::emulation {
namespace {

constexpr size_t kPage = 4096;
#if defined(LPREG_EMULATION_STACK_BYTES)
constexpr size_t kStackBytes = LPREG_EMULATION_STACK_BYTES;
#elif defined(__SANITIZE_ADDRESS__) || defined(LPREG_EMULATION_TSAN)
constexpr size_t kStackBytes = 256 * 1024;
#else
constexpr size_t kStackBytes = 64 * 1024;
#endif

struct Scheduler {
#ifdef LPREG_FIBER_UCONTEXT
  ucontext_t context;
#else
  void* stack_pointer;
#endif
  void* sanitizer_stack;
  const void* stack_bottom;
  size_t stack_bytes;
  void* tsan_fiber;
} scheduler;

char* new_stack() {
  void* memory = mmap(nullptr, kStackBytes + kPage, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) abort();
  mprotect(memory, kPage, PROT_NONE);
  return static_cast<char*>(memory) + kPage;
}

// A stack is used again by a fiber that is not ordered after its last one: give it fresh shadow memory.
void clean_stack([[maybe_unused]] char* stack) {
#if defined(__SANITIZE_ADDRESS__)
  __asan_unpoison_memory_region(stack, kStackBytes);
#endif
#ifdef LPREG_EMULATION_TSAN
  mmap(stack, kStackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
#endif
}

}  // namespace

#ifndef LPREG_FIBER_UCONTEXT
// Saves the registers that a call must preserve, and the stack pointer in *from; continues at `to`.
extern "C" void lpreg_emulation_switch(void** from, void* to);
asm(R"(
.text
.globl lpreg_emulation_switch
.hidden lpreg_emulation_switch
.type lpreg_emulation_switch, @function
lpreg_emulation_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size lpreg_emulation_switch, .-lpreg_emulation_switch
)");
#endif

void Fiber::prepare(void (*entry)()) {
  if (stack_ == nullptr) stack_ = new_stack();
  clean_stack(stack_);
#ifdef LPREG_EMULATION_TSAN
  scheduler.tsan_fiber = __tsan_get_current_fiber();
  tsan_fiber_ = __tsan_create_fiber(0);
#endif
#ifdef LPREG_FIBER_UCONTEXT
  getcontext(&context_);
  context_.uc_stack.ss_sp = stack_;
  context_.uc_stack.ss_size = kStackBytes;
  context_.uc_link = nullptr;
  makecontext(&context_, entry, 0);
#else
  // As after a call: the stack is 16-byte aligned plus the return address, here null.
  auto** top = reinterpret_cast<void**>(stack_ + kStackBytes - 64);
  *--top = nullptr;
  *--top = reinterpret_cast<void*>(entry);
  constexpr int kSavedRegisters = 6;
  for (int i = 0; i < kSavedRegisters; ++i) *--top = nullptr;
  stack_pointer_ = top;
#endif
}

void Fiber::switch_to() {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(&scheduler.sanitizer_stack, stack_, kStackBytes);
#endif
#ifdef LPREG_EMULATION_TSAN
  __tsan_switch_to_fiber(tsan_fiber_, 1);  // 1: the switch itself orders nothing
#endif
#ifdef LPREG_FIBER_UCONTEXT
  swapcontext(&scheduler.context, &context_);
#else
  lpreg_emulation_switch(&scheduler.stack_pointer, stack_pointer_);
#endif
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(scheduler.sanitizer_stack, nullptr, nullptr);
#endif
}

void Fiber::back([[maybe_unused]] bool ended) {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(ended ? nullptr : &sanitizer_stack_, scheduler.stack_bottom,
                                 scheduler.stack_bytes);
#endif
#ifdef LPREG_EMULATION_TSAN
  __tsan_switch_to_fiber(scheduler.tsan_fiber, 1);
#endif
#ifdef LPREG_FIBER_UCONTEXT
  swapcontext(&context_, &scheduler.context);
#else
  lpreg_emulation_switch(&stack_pointer_, scheduler.stack_pointer);
#endif
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(sanitizer_stack_, &scheduler.stack_bottom, &scheduler.stack_bytes);
#endif
}

void Fiber::switch_back() { back(false); }

void Fiber::leave_for_ever() {
  back(true);
  abort();  // an ended fiber was resumed
}

void Fiber::entered() {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(nullptr, &scheduler.stack_bottom, &scheduler.stack_bytes);
#endif
}

void Fiber::forget() {
#ifdef LPREG_EMULATION_TSAN
  __tsan_destroy_fiber(tsan_fiber_);
#endif
}

void acquire([[maybe_unused]] const void* object) {
#ifdef LPREG_EMULATION_TSAN
  __tsan_acquire(const_cast<void*>(object));
#endif
}

void release([[maybe_unused]] const void* object) {
#ifdef LPREG_EMULATION_TSAN
  __tsan_release(const_cast<void*>(object));
#endif
}

}  // namespace lpreg::emulation
