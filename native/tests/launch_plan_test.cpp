// The launch plan is a pure function of sizes and device, so it is tested without one.
#include <initializer_list>

#include "../cuda/plan.h"
#include "check.h"

using lpreg::cuda::DeviceFacts;
using lpreg::cuda::LaunchShape;

namespace {

constexpr int64_t kQwenVocab = 151936;

DeviceFacts device(int compute_capability, int64_t shared_per_block) {
  DeviceFacts facts{};
  facts.compute_capability = compute_capability;
  facts.multiprocessors = 132;
  facts.shared_per_block = shared_per_block;
  facts.l2_bytes = int64_t{50} << 20;
  facts.has_clusters = compute_capability >= 90;
  return facts;
}

const DeviceFacts kHopper = device(90, 227 * 1024);
const DeviceFacts kAmpere = device(80, 163 * 1024);
const DeviceFacts kTuring = device(75, 64 * 1024);

size_t aside_bytes(const LaunchShape& shape) {
  return size_t{4} * lpreg::cuda::kAsidePerThread * static_cast<size_t>(shape.threads);
}

void test_row_that_fits_stays_in_one_block() {
  const LaunchShape shape = several_sweeps_shape(kTuring, 7, 1000, 4);
  CHECK(shape.cluster == 1 && shape.blocks == 7 && shape.holds_row);
  CHECK(shape.shared_bytes == 4000 + aside_bytes(shape));
}

void test_part_of_a_row_is_held_in_whole_packs() {
  const LaunchShape shape = several_sweeps_shape(kTuring, 7, 1001, 2);
  CHECK(shape.shared_bytes == 2016 + aside_bytes(shape));
}

void test_long_row_on_hopper_lies_in_a_cluster_that_leaves_room_for_a_second() {
  const LaunchShape shape = several_sweeps_shape(kHopper, 8192, kQwenVocab, 2);
  CHECK(shape.cluster == 4 && shape.blocks == 4 * 8192);
  CHECK(shape.holds_row &&
        shape.shared_bytes >= static_cast<size_t>(kQwenVocab) / 4 * 2 + aside_bytes(shape));
  CHECK(2 * shape.shared_bytes < static_cast<size_t>(kHopper.shared_per_block));
}

void test_longest_rows_on_hopper_take_the_largest_cluster() {
  CHECK(several_sweeps_shape(kHopper, 1, 262144, 4).cluster == 8);
}

void test_row_that_no_cluster_holds_is_streamed() {
  const LaunchShape shape = several_sweeps_shape(kHopper, 3, int64_t{1} << 22, 4);
  CHECK(shape.cluster == 1 && !shape.holds_row && shape.blocks == 3);
  CHECK(shape.shared_bytes == aside_bytes(shape));
}

void test_long_row_without_clusters_is_streamed() {
  for (const DeviceFacts& facts : {kAmpere, kTuring}) {
    const LaunchShape shape = several_sweeps_shape(facts, 5, kQwenVocab, 2);
    CHECK(shape.cluster == 1 && !shape.holds_row && shape.blocks == 5);
  }
}

void test_kernels_made_for_an_older_device_form_no_clusters() {
  DeviceFacts facts = kHopper;
  facts.has_clusters = false;
  const LaunchShape shape = several_sweeps_shape(facts, 3, kQwenVocab, 2);
  CHECK(shape.cluster == 1 && shape.blocks == 3 && !shape.holds_row);
}

// A limit below another launch's need would fail that one, whichever thread sets it.
void test_every_launch_of_a_kernel_sets_the_same_limit_of_shared_memory() {
  for (const DeviceFacts& facts : {kHopper, kAmpere, kTuring}) {
    const size_t limit = several_sweeps_shape(facts, 1, 100, 2).shared_limit;
    for (const int64_t vocab : {int64_t{14000}, int64_t{16000}, kQwenVocab, int64_t{1} << 22}) {
      const LaunchShape shape = several_sweeps_shape(facts, 1, vocab, 2);
      CHECK(shape.shared_limit == limit && shape.shared_bytes <= limit);
    }
  }
}

void test_every_shape_is_whole_warps_and_whole_clusters() {
  for (const DeviceFacts& facts : {kHopper, kAmpere, kTuring}) {
    for (int64_t vocab = 1; vocab < int64_t{1} << 24; vocab = vocab * 3 + 1) {
      for (const int64_t size : {2, 4}) {
        for (const LaunchShape& shape : {several_sweeps_shape(facts, 9, vocab, size),
                                         one_sweep_shape(facts, 9, vocab, size), batch_shape(facts)}) {
          CHECK(shape.threads % 32 == 0 && shape.threads >= 32 && shape.threads <= 1024);
          CHECK(shape.blocks % shape.cluster == 0 && shape.cluster <= lpreg::cuda::kMaxCluster);
          CHECK(shape.shared_bytes <= static_cast<size_t>(facts.shared_per_block));
        }
      }
    }
  }
}

void test_rows_beyond_32_bits_of_elements_keep_one_block_each() {
  CHECK(one_sweep_shape(kHopper, int64_t{1} << 20, kQwenVocab, 2).blocks == int64_t{1} << 20);
}

}  // namespace

int main() {
  test_row_that_fits_stays_in_one_block();
  test_part_of_a_row_is_held_in_whole_packs();
  test_long_row_on_hopper_lies_in_a_cluster_that_leaves_room_for_a_second();
  test_longest_rows_on_hopper_take_the_largest_cluster();
  test_row_that_no_cluster_holds_is_streamed();
  test_long_row_without_clusters_is_streamed();
  test_kernels_made_for_an_older_device_form_no_clusters();
  test_every_launch_of_a_kernel_sets_the_same_limit_of_shared_memory();
  test_every_shape_is_whole_warps_and_whole_clusters();
  test_rows_beyond_32_bits_of_elements_keep_one_block_each();
  return lpreg::test::finish();
}
