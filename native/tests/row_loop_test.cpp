// How many rows of a loop are handed out at once: all of them only where a second thread is not worth waking.
#include "engine/row_loop.h"

#include "check.h"

namespace {

using lpreg::rows_per_block;

constexpr int64_t kLongRow = 151936;

void a_few_long_rows_are_shared() {
  for (const int64_t rows : {2, 3, 8, 9, 256}) CHECK(rows_per_block(rows, kLongRow) < rows);
}

void many_short_rows_are_shared() {
  for (const int64_t rows : {256, 2048, 1000000}) CHECK(rows_per_block(rows, 1026) < rows);
}

void little_work_is_not() {
  CHECK(rows_per_block(1, kLongRow) >= 1);
  CHECK(rows_per_block(2, 32768) >= 2);
  CHECK(rows_per_block(100, 1032) >= 100);
}

void every_block_has_rows_and_no_block_is_unbounded() {
  for (const int64_t rows : {0, 1, 2, 100000000}) {
    for (const int64_t cost : {int64_t{64}, kLongRow, int64_t{1} << 60}) {
      CHECK(rows_per_block(rows, cost) >= 1);
      if (rows > 2048) CHECK(rows_per_block(rows, cost) <= 512);
    }
  }
}

}  // namespace

int main() {
  a_few_long_rows_are_shared();
  many_short_rows_are_shared();
  little_work_is_not();
  every_block_has_rows_and_no_block_is_unbounded();
  return lpreg::test::finish();
}
