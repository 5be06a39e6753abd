// Checks of everything that a caller hands over, before anything is computed or written (SEMANTICS §8).
#pragma once

#include "batch_view.h"
#include "failure.h"

namespace lpreg {

void check_row_options(const lpreg_row_options& options);
void check_loss_options(const lpreg_loss_options& options);

// Where the tensors of a batch lie. On the device, values are checked by kernels.
enum class Memory { kHost, kDevice };

// Sizes, strides and pointers of the layout and of the matrices that are there.
void check_layout(const lpreg_batch& batch, Memory memory = Memory::kHost);
void check_matrix(const lpreg_batch& batch, const lpreg_matrix& matrix, const char* name);
// Elements from the base of a matrix to one past its last element.
int64_t extent(const lpreg_batch& batch, const lpreg_matrix& matrix, const char* name);
// The gradient is the logits themselves, or overlaps no input.
void check_gradient(const lpreg_batch& batch, const lpreg_matrix& gradient);
// Of a checked batch: no output overlaps an input, another output or the gradient (NULL: none).
void check_outputs(const lpreg_batch& batch, const lpreg_token_outputs* outputs,
                   const lpreg_matrix* gradient);
bool same_matrix(const lpreg_batch& batch, const lpreg_matrix& a, const lpreg_matrix& b);

// Which pointers must be there, which must not, and scalars that the host holds.
void check_row_pointers(const lpreg_row_options& options, const lpreg_batch& batch, bool needs_actions);
void check_objective_pointers(const lpreg_loss_options& options, const lpreg_batch& batch, Memory memory);
// The arrays of a snapshot of `rows` rows, to be read or written.
void check_snapshot_arrays(const lpreg_snapshot& snapshot, int64_t rows, const char* name);
void check_grad_output(const lpreg_scalar& scalar, Memory memory);
// The arrays of the scalar stage.
void check_tokens(const lpreg_loss_options& options, const lpreg_token_outputs& tokens);

// The above and the values, in host memory.
void check_mask(const lpreg_batch& batch);
void check_actions(const BatchView& view, int64_t vocab_total);
// Logits, actions and the proxy's source, for the whole loss and the per-token operation.
void check_row_inputs(const lpreg_row_options& options, const BatchView& view, bool needs_actions);
// Per-row inputs of the objective, and those that it ignores.
void check_objective_inputs(const lpreg_loss_options& options, const BatchView& view);
// Coefficients of valid rows, [rows] or NULL.
void check_finite_rows(const BatchView& view, const float* values, const char* name);
double host_scalar(const lpreg_scalar& scalar, double absent, const char* name);

}  // namespace lpreg
