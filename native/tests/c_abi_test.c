/* A foreign program: liblpreg.so and lpreg.h alone, plain C, nothing of the addon. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lpreg.h"

static int checks = 0;
static int failures = 0;

static void check(int holds, const char* what, int line) {
  ++checks;
  if (holds) return;
  ++failures;
  printf("c_abi_test.c:%d: failed: %s\n", line, what);
}
#define CHECK(condition) check((condition) ? 1 : 0, #condition, __LINE__)

enum { kSequences = 2, kTokens = 3, kRows = 6, kVocab = 5 };

static float logits[kRows * kVocab];
static const int32_t actions[kRows] = {0, 1, 2, 3, 4, -100};
static const uint8_t mask[kRows] = {1, 1, 1, 1, 1, 0};
static const float old_log_probs[kRows] = {-1.5f, -1.7f, -1.2f, -2.0f, -1.0f, 0};
static float advantages[kRows] = {1, -1, 0.5f, -0.5f, 2, 0};

static void fill_logits(void) {
  for (int i = 0; i < kRows * kVocab; ++i) logits[i] = (float)((i * 7) % 11) / 4 - 1;
  for (int v = 0; v < kVocab; ++v) logits[5 * kVocab + v] = NAN; /* the masked row */
}

static lpreg_batch make_batch(void) {
  lpreg_batch batch;
  memset(&batch, 0, sizeof batch);
  batch.struct_size = sizeof batch;
  batch.sequences = kSequences;
  batch.tokens = kTokens;
  batch.rows = kRows;
  batch.vocab = kVocab;
  batch.logits.data = logits;
  batch.logits.dtype = LPREG_FLOAT32;
  batch.logits.row_stride = kVocab;
  batch.actions = actions;
  batch.action_dtype = LPREG_INT32;
  batch.mask = mask;
  batch.old_log_probs = old_log_probs;
  batch.advantages = advantages;
  return batch;
}

static lpreg_loss_options make_options(void) {
  lpreg_loss_options options;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.objective = LPREG_GRPO;
  options.row.temperature = 1;
  options.clip_low = 0.2;
  options.clip_high = 0.2;
  return options;
}

static lpreg_error make_error(void) {
  lpreg_error error;
  memset(&error, 0, sizeof error);
  error.struct_size = sizeof error;
  return error;
}

static double row_log_sum_exp(const float* row) {
  double sum = 0;
  for (int v = 0; v < kVocab; ++v) sum += exp(row[v]);
  return log(sum);
}

/* PPO's clipped loss, written out: mean over the five valid tokens. */
static double expected_loss(double gradient[kRows * kVocab]) {
  double total = 0;
  memset(gradient, 0, sizeof(double) * kRows * kVocab);
  for (int i = 0; i < 5; ++i) {
    const double lse = row_log_sum_exp(logits + i * kVocab);
    const double ratio = exp(logits[i * kVocab + actions[i]] - lse - old_log_probs[i]);
    const double bounded = ratio < 0.8 ? 0.8 : (ratio > 1.2 ? 1.2 : ratio);
    const double a = -advantages[i] * ratio;
    const double b = -advantages[i] * bounded;
    total += a > b ? a : b;
    for (int v = 0; v < kVocab && b <= a; ++v) {
      const double p = exp(logits[i * kVocab + v] - lse);
      gradient[i * kVocab + v] = a / 5 * ((v == actions[i] ? 1 : 0) - p);
    }
  }
  return total / 5;
}

static void test_loss(const lpreg_api* api, lpreg_context* context) {
  const lpreg_batch batch = make_batch();
  const lpreg_loss_options options = make_options();
  lpreg_error error = make_error();
  size_t bytes = 0;
  CHECK(api->loss_workspace_size(context, &options, &batch, &bytes, &error) == LPREG_OK);
  void* workspace = malloc(bytes);
  float out[kRows * kVocab];
  lpreg_matrix gradient = batch.logits;
  gradient.data = out;
  lpreg_loss_result result;
  memset(&result, 0, sizeof result);
  result.struct_size = sizeof result;
  const lpreg_scalar one = {LPREG_HOST, 1.0, NULL};
  CHECK(api->loss_forward_backward(context, &options, &batch, workspace, bytes, one, &gradient, NULL, &result,
                                   NULL, &error) == LPREG_OK);
  double expected[kRows * kVocab];
  CHECK(fabs(result.loss - expected_loss(expected)) < 1e-7);
  CHECK(result.valid_count == 5);
  double largest = 0;
  for (int i = 0; i < kRows * kVocab; ++i) {
    CHECK(fabs(out[i] - expected[i]) < 1e-7);
    largest = fmax(largest, fabs(expected[i]));
  }
  CHECK(largest > 0.01); /* the comparison above is not one of zeros */

  /* forward, then backward twice with another upstream gradient: three times the same thing */
  float again[kRows * kVocab];
  const lpreg_scalar three = {LPREG_HOST, 3.0, NULL};
  gradient.data = again;
  CHECK(api->loss_backward(context, &options, &batch, workspace, bytes, one, &gradient, NULL, &error) ==
        LPREG_OK);
  CHECK(memcmp(out, again, sizeof out) == 0);
  CHECK(api->loss_backward(context, &options, &batch, workspace, bytes, three, &gradient, NULL, &error) ==
        LPREG_OK);
  CHECK(fabs(again[0] - 3 * out[0]) <= 1e-6 * fabs(out[0]));
  memset(workspace, 0, bytes);
  CHECK(api->loss_backward(context, &options, &batch, workspace, bytes, one, &gradient, NULL, &error) ==
        LPREG_ERR_WORKSPACE);
  CHECK(api->loss_forward(context, &options, &batch, workspace, bytes - 1, NULL, &result, NULL, &error) ==
        LPREG_ERR_WORKSPACE);
  free(workspace);
}

static lpreg_status forward_status(const lpreg_api* api, lpreg_context* context,
                                   const lpreg_loss_options* options, const lpreg_batch* batch,
                                   lpreg_error* error) {
  char workspace[4096];
  void* aligned = (void*)(((uintptr_t)workspace + 7) & ~(uintptr_t)7);
  *error = make_error();
  return api->loss_forward(context, options, batch, aligned, 4000, NULL, NULL, NULL, error);
}

static void test_errors(const lpreg_api* api, lpreg_context* context) {
  lpreg_error error;
  lpreg_batch batch = make_batch();
  lpreg_loss_options options = make_options();
  CHECK(forward_status(api, context, &options, &batch, &error) == LPREG_OK);

  const int32_t bad_actions[kRows] = {0, 1, 7, 3, 4, 0};
  batch.actions = bad_actions;
  CHECK(forward_status(api, context, &options, &batch, &error) == LPREG_ERR_ACTION_RANGE);
  CHECK(error.index == 2 && strcmp(error.argument, "actions") == 0);
  batch = make_batch();
  batch.struct_size -= 8;
  CHECK(forward_status(api, context, &options, &batch, &error) == LPREG_ERR_TYPE);
  batch = make_batch();
  batch.rows = 5;
  CHECK(forward_status(api, context, &options, &batch, &error) == LPREG_ERR_SHAPE);
  batch = make_batch();
  batch.logits.row_stride = 4;
  CHECK(forward_status(api, context, &options, &batch, &error) == LPREG_ERR_STRIDE);
  batch = make_batch();
  batch.sequences = batch.tokens = (int64_t)1 << 40;
  CHECK(forward_status(api, context, &options, &batch, &error) == LPREG_ERR_SHAPE);
  batch = make_batch();
  options.beta = 1;
  CHECK(forward_status(api, context, &options, &batch, &error) == LPREG_ERR_OPTION_WITHOUT_EFFECT);
  CHECK(strcmp(error.argument, "beta") == 0);
  options = make_options();
  options.row.temperature = NAN;
  CHECK(forward_status(api, context, &options, &batch, &error) == LPREG_ERR_OPTION);
  options = make_options();
  logits[kVocab + 2] = NAN;
  CHECK(forward_status(api, context, &options, &batch, &error) == LPREG_ERR_NON_FINITE_LOGITS);
  CHECK(error.index == 1 && error.output_status == LPREG_UNTOUCHED);
  options.non_finite = LPREG_NON_FINITE_PROPAGATE;
  CHECK(forward_status(api, context, &options, &batch, &error) == LPREG_OK);
  fill_logits();
  CHECK(api->loss_forward(NULL, &options, &batch, NULL, 0, NULL, NULL, NULL, NULL) == LPREG_ERR_MISSING);

  const volatile int32_t cancel = 1;
  lpreg_call call;
  memset(&call, 0, sizeof call);
  call.struct_size = sizeof call;
  call.cancel = &cancel;
  char workspace[4096];
  void* aligned = (void*)(((uintptr_t)workspace + 7) & ~(uintptr_t)7);
  options = make_options();
  CHECK(api->loss_forward(context, &options, &batch, aligned, 4000, NULL, NULL, &call, &error) ==
        LPREG_ERR_CANCELLED);
}

/* Devices can be asked about in every build; where none can be used, the answer says why and what to do. */
static void test_devices(const lpreg_api* api) {
  lpreg_error error = make_error();
  lpreg_cuda_info cuda;
  memset(&cuda, 0, sizeof cuda);
  CHECK(api->cuda_info(&cuda, &error) == LPREG_ERR_TYPE);
  cuda.struct_size = sizeof cuda;
  CHECK(api->cuda_info(&cuda, &error) == LPREG_OK);
  CHECK((cuda.reason[0] == 0) == (cuda.advice[0] == 0) && cuda.architectures != NULL);
  CHECK(cuda.reason[0] != 0 || cuda.device_count > 0);
  const lpreg_status absent = cuda.reason[0] != 0 ? LPREG_ERR_BACKEND_UNAVAILABLE : LPREG_ERR_OPTION;
  lpreg_device_info device;
  memset(&device, 0, sizeof device);
  device.struct_size = sizeof device;
  CHECK(api->device_info(cuda.device_count, &device, &error) == absent);
  void* memory = &device;
  CHECK(api->device_allocate(cuda.device_count, 64, &memory, &error) == absent && memory == NULL);
  CHECK(api->stream_create(cuda.device_count, &memory, &error) == absent && memory == NULL);
  CHECK(api->device_synchronize(-1, NULL, &error) == absent);
  if (cuda.reason[0] == 0) return;
  CHECK(strstr(error.message, cuda.reason) != NULL && strstr(error.message, cuda.advice) != NULL);
  int32_t holder = 0;
  CHECK(api->device_of_pointer(&device, &holder, &error) == LPREG_ERR_BACKEND_UNAVAILABLE);
}

int main(void) {
  const lpreg_api* api = lpreg_get_api(LPREG_ABI_VERSION);
  CHECK(api != NULL && api->abi_version == LPREG_ABI_VERSION);
  CHECK(lpreg_get_api(LPREG_ABI_VERSION + 1) == NULL);
  fill_logits();

  lpreg_context_options context_options = {sizeof context_options, LPREG_BACKEND_AUTO, 2, 0, 0};
  lpreg_error error = make_error();
  lpreg_context* context = NULL;
  CHECK(api->context_create(&context_options, &context, &error) == LPREG_OK);
  lpreg_context_info info;
  memset(&info, 0, sizeof info);
  info.struct_size = sizeof info;
  CHECK(api->context_info(context, &info, &error) == LPREG_OK);
  CHECK(info.threads == 2 && info.backend == LPREG_BACKEND_CPU && info.abi_version == LPREG_ABI_VERSION);
  CHECK(strstr(info.instruction_sets, info.instruction_set) != NULL);
  context_options.backend = LPREG_BACKEND_CUDA;
  context_options.device = 1 << 20;
  lpreg_context* none = NULL;
  const lpreg_status refused = api->context_create(&context_options, &none, &error);
  CHECK(refused == (info.cuda_reason[0] != 0 ? LPREG_ERR_BACKEND_UNAVAILABLE : LPREG_ERR_OPTION));
  CHECK(none == NULL && error.message[0] != 0);

  test_devices(api);
  test_loss(api, context);
  test_errors(api, context);
  api->context_destroy(context);
  api->context_destroy(NULL);
  printf("%d checks, %d failed\n", checks, failures);
  return failures == 0 ? 0 : 1;
}
