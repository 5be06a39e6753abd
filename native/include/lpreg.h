/*
 * lpreg.h - the C ABI of lp-reg: fused policy losses of reinforcement learning with verifiable rewards
 * (Lp-Reg, GRPO, GSPO, KL-Cov, ...) over the logits [rows, vocabulary] of a language model.
 *
 * liblpreg.so exports one symbol, lpreg_get_api, which returns a versioned table of functions.
 *
 * Conventions
 *  - A row is one token. Rows lie in memory order: row b*T + t of a padded batch [B, T], or the packed order.
 *  - Each struct that a caller passes by pointer begins with struct_size = sizeof of that struct, so that
 * fields can be added at its end. Fill structs with zeros first: zero and NULL mean "absent" or the default,
 * where not said otherwise.
 *  - The caller owns every buffer. The library keeps no pointer after a call returns.
 *  - No function throws, exits or prints. Each returns a status; on failure `error` (may be NULL) tells more.
 *  - Outputs are optional: a NULL pointer is not computed (the entropy of a row costs only when asked for).
 *  - Rows whose mask is 0 are never read, neither their logits nor their per-row inputs; their outputs are 0.
 *  - Any thread may call; calls on one context may run at the same time.
 *  - A context of backend CUDA takes device memory (host memory with lpreg_call.host_memory) wherever these
 * structs and functions point to an array of rows, sequences, logits, parts or entries: batch, outputs,
 * states, workspace, gradient, snapshot arrays, lpreg_loss_result, and the count of snapshot_size. The
 * structs themselves stay on the host. Its calls only start work on lpreg_call.stream and never wait, so they
 * can be captured in a graph (on a stream of the caller's, once a call outside of the capture has loaded the
 * kernels); what depends on values (a bad mask or action, non-finite data, a snapshot that does not fit) is
 * found by the kernels and returned by context_synchronize. After such a finding results are undefined, and a
 * gradient that was not yet written stays as it was. The mathematics is that of docs/semantics.md; sections
 * are cited as "§6".
 */
#ifndef LPREG_H
#define LPREG_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LPREG_ABI_VERSION 1u

/* ------------------------------------------------------------------------------------------ status and error
 */

typedef enum lpreg_status {
  LPREG_OK = 0,
  LPREG_ERR_INTERNAL = 1, /* a defect of this library */
  LPREG_ERR_TYPE = 2,     /* wrong struct_size or an enumerator out of range */
  LPREG_ERR_SHAPE = 3,    /* a negative, overflowing or disagreeing size */
  LPREG_ERR_DTYPE = 4,
  LPREG_ERR_STRIDE = 5,                /* rows overlap, or the extent overflows */
  LPREG_ERR_ALIAS = 6,                 /* a gradient overlaps an input and is not the logits, or a
                                          per-token output overlaps an input or another output */
  LPREG_ERR_MISSING = 7,               /* a pointer that this objective needs is NULL */
  LPREG_ERR_OPTION = 8,                /* an option outside of its range */
  LPREG_ERR_OPTION_WITHOUT_EFFECT = 9, /* an option or input that this objective ignores */
  LPREG_ERR_MASK = 10,                 /* a mask element other than 0 and 1 */
  LPREG_ERR_ACTION_RANGE = 11,         /* an action of a valid row outside [0, vocabulary) */
  LPREG_ERR_NON_FINITE_INPUT = 12,     /* an advantage, log-prob or weight of a valid row is not finite */
  LPREG_ERR_NON_FINITE_LOGITS = 13,    /* a valid row has NaN, +inf or only -inf, or its action is at -inf */
  LPREG_ERR_NON_FINITE_LOSS = 14,      /* a token's loss or KL overflowed */
  LPREG_ERR_WORKSPACE = 15,            /* the workspace is too small, or holds no forward pass */
  LPREG_ERR_OUT_OF_MEMORY = 16,
  LPREG_ERR_SNAPSHOT_TOO_LARGE = 17, /* the kept sets hold more entries than the snapshot's capacity */
  LPREG_ERR_CANCELLED = 18,
  LPREG_ERR_BACKEND_UNAVAILABLE = 19,
  LPREG_ERR_DEVICE =
      20 /* a CUDA call failed; the message says how, and whether the process lost the device */
} lpreg_status;

/* What a failed call has done to the caller's gradient buffer, and to nothing else: per-token outputs,
 * states, workspace, result and snapshot may hold parts of a result after LPREG_ERR_NON_FINITE_LOGITS,
 * _NON_FINITE_LOSS, _SNAPSHOT_TOO_LARGE, _CANCELLED, _OUT_OF_MEMORY and _DEVICE. All other errors over host
 * memory are found before anything is written. */
typedef enum lpreg_output_status {
  LPREG_UNTOUCHED = 0,
  LPREG_CONSUMED = 1 /* some of it is overwritten; in place, the logits are lost */
} lpreg_output_status;

typedef struct lpreg_error {
  size_t struct_size;
  int32_t status;        /* lpreg_status */
  int32_t output_status; /* lpreg_output_status */
  int64_t index;         /* first offending flat index (row, or element of the argument), -1 if none */
  char argument[32];     /* the field's name in this header, "" if none */
  char message[256];     /* one sentence for a person */
} lpreg_error;

/* -------------------------------------------------------------------------------------------------- context
 */

typedef struct lpreg_context lpreg_context; /* threads and, with CUDA, a device; several may exist */

typedef enum lpreg_backend {
  LPREG_BACKEND_AUTO = 0, /* the CPU: a CUDA context takes other pointers, so it must be asked for */
  LPREG_BACKEND_CPU = 1,
  LPREG_BACKEND_CUDA = 2
} lpreg_backend;

typedef struct lpreg_context_options {
  size_t struct_size;
  int32_t backend;       /* lpreg_backend */
  int32_t threads;       /* 0: as many as the affinity mask and the cgroup's CPU quota allow */
  int32_t device;        /* CUDA device ordinal; LPREG_BACKEND_CUDA only */
  int64_t staging_bytes; /* LPREG_BACKEND_CUDA only: device memory, and as much pinned memory of the host,
                            that the logits of calls over host memory may take at once; 0: 192 MiB */
} lpreg_context_options;

typedef struct lpreg_context_info {
  size_t struct_size;
  const char* version;          /* of the library, such as "0.1.0" */
  const char* instruction_set;  /* in use: "baseline", "avx2", "avx512", "neon" */
  const char* instruction_sets; /* that this machine can run, comma-separated, best last */
  const char* cuda_reason;      /* why CUDA cannot be used, "" when it can */
  int32_t backend;              /* LPREG_BACKEND_CPU or LPREG_BACKEND_CUDA */
  int32_t threads;
  uint32_t abi_version;
  int32_t device; /* CUDA device ordinal, -1 on the CPU */
} lpreg_context_info;

/* Per call: where it runs and how it can be stopped. May be NULL. */
typedef struct lpreg_call {
  size_t struct_size;
  void* stream;                   /* CUDA stream, NULL: the default one; NULL over host memory */
  const volatile int32_t* cancel; /* a non-zero value stops the call: over host memory between rows, on CUDA
                                     over device memory before its start */
  volatile int64_t* rows_done;    /* host memory: counts the rows finished in the pass under way */
  int32_t
      gradient_is_scratch; /* 1: after an error the gradient's content does not matter. Otherwise a gradient
                              out of place is written only once all logits are known to be finite */
  int32_t host_memory; /* 1: all pointers of the call are host memory, on a CUDA context too. There the call
                          copies the logits through staging memory while the device computes, uses streams of
                          its own (stream must be NULL), and returns when the results lie in place, with the
                          errors of the CPU; cancel and rows_done work by chunks of rows. Not offered for
                          split statistics */
} lpreg_call;

/* ------------------------------------------------------------------------------------------- tensors,
 * scalars */

typedef enum lpreg_dtype { LPREG_FLOAT32 = 0, LPREG_FLOAT16 = 1, LPREG_BFLOAT16 = 2 } lpreg_dtype;
typedef enum lpreg_action_dtype { LPREG_INT32 = 0, LPREG_INT64 = 1 } lpreg_action_dtype;

/* A scalar that a trainer may hold on the host or on the device. */
typedef enum lpreg_scalar_kind { LPREG_ABSENT = 0, LPREG_HOST = 1, LPREG_DEVICE = 2 } lpreg_scalar_kind;
typedef struct lpreg_scalar {
  int32_t kind;         /* lpreg_scalar_kind */
  double value;         /* LPREG_HOST */
  const double* device; /* LPREG_DEVICE: read when the kernels run */
} lpreg_scalar;

/* A matrix [rows, vocabulary] with unit stride along the vocabulary. Bases need only the alignment of an
 * element. */
typedef struct lpreg_matrix {
  void* data;              /* NULL: absent */
  int32_t dtype;           /* lpreg_dtype */
  int64_t row_stride;      /* elements from one row to the next in a sequence, >= vocabulary */
  int64_t sequence_stride; /* elements from row (b, 0) to row (b+1, 0); 0: tokens * row_stride. Padded batches
                              only */
} lpreg_matrix;

/* Proxies of the old policy in compressed rows: q of row i is exp(log_q[k]) at ids[k], row_ptr[i] <= k <
 * row_ptr[i+1], or 1/vocabulary everywhere where uniform[i] is 1. */
typedef struct lpreg_snapshot {
  size_t struct_size;
  int64_t rows;
  int64_t capacity;     /* entries that ids and log_q can hold */
  int64_t* row_ptr;     /* [rows + 1] */
  int32_t* ids;         /* [capacity], ascending in each row */
  float* log_q;         /* [capacity] */
  float* log_kept_mass; /* [rows] log Z of §1, -inf on uniform rows */
  uint8_t* uniform;     /* [rows] */
} lpreg_snapshot;

/* --------------------------------------------------------------------------------------------------- options
 */

typedef enum lpreg_filter_kind {
  LPREG_FILTER_NONE = 0,
  LPREG_FILTER_MIN_P = 1,
  LPREG_FILTER_FIXED = 2
} lpreg_filter_kind;
typedef enum lpreg_filter_on { LPREG_ON_SCALED = 0, LPREG_ON_RAW = 1 } lpreg_filter_on;
typedef enum lpreg_filter_empty { LPREG_EMPTY_ARGMAX = 0, LPREG_EMPTY_UNIFORM = 1 } lpreg_filter_empty;
typedef enum lpreg_proxy {
  LPREG_PROXY_NONE = 0,
  LPREG_PROXY_CURRENT = 1,
  LPREG_PROXY_OLD = 2,     /* batch.old_logits */
  LPREG_PROXY_STORED = 3,  /* batch.proxy_log_probs */
  LPREG_PROXY_SNAPSHOT = 4 /* batch.proxy_snapshot */
} lpreg_proxy;

/* What is computed of one row (§1). */
typedef struct lpreg_row_options {
  double temperature;   /* t > 0 */
  double softcap;       /* z := cap tanh(z / cap); 0: none */
  double filter_value;  /* kappa in [0, 1] (min-p) or tau in (0, 1] (fixed) */
  int32_t filter_kind;  /* lpreg_filter_kind */
  int32_t filter_on;    /* lpreg_filter_on */
  int32_t filter_empty; /* lpreg_filter_empty; fixed only */
  int32_t proxy;        /* lpreg_proxy */
} lpreg_row_options;

typedef enum lpreg_objective {
  LPREG_GRPO = 0,
  LPREG_GSPO = 1,
  LPREG_KL_COV = 2,
  LPREG_CLIP_COV = 3,
  LPREG_TOP_ENTROPY = 4, /* "80/20" */
  LPREG_LP_REG_PAPER = 5,
  LPREG_LP_REG_REFERENCE = 6,
  LPREG_LP_REG_KEPT = 7,
  LPREG_CISPO = 8,
  LPREG_SAPO = 9
} lpreg_objective;

typedef enum lpreg_aggregation {
  LPREG_TOKEN_MEAN = 0,
  LPREG_SEQ_MEAN_TOKEN_SUM = 1,
  LPREG_SEQ_MEAN_TOKEN_MEAN = 2,
  LPREG_SEQ_MEAN_TOKEN_SUM_NORM = 3
} lpreg_aggregation;

typedef enum lpreg_estimator { LPREG_K1 = 0, LPREG_ABS = 1, LPREG_K2 = 2, LPREG_K3 = 3 } lpreg_estimator;
typedef enum lpreg_interpolation { LPREG_LOWER = 0, LPREG_LINEAR = 1 } lpreg_interpolation;
typedef enum lpreg_select_on { LPREG_SELECT_CURRENT = 0, LPREG_SELECT_OLD = 1 } lpreg_select_on;
typedef enum lpreg_non_finite { LPREG_NON_FINITE_ERROR = 0, LPREG_NON_FINITE_PROPAGATE = 1 } lpreg_non_finite;

/* Every number must be given: there are no defaults at this level, but a field that the objective does not
 * use must be 0 (LPREG_ERR_OPTION_WITHOUT_EFFECT otherwise). */
typedef struct lpreg_loss_options {
  size_t struct_size;
  lpreg_row_options row;
  int32_t objective;           /* lpreg_objective */
  int32_t aggregation;         /* lpreg_aggregation; GSPO: LPREG_SEQ_MEAN_TOKEN_MEAN */
  int32_t estimator;           /* lpreg_estimator of reference and kept */
  int32_t reference_estimator; /* lpreg_estimator of the KL to batch.ref_log_probs */
  int32_t interpolation;       /* lpreg_interpolation of paper */
  int32_t select_on;           /* lpreg_select_on of paper and reference */
  int32_t non_finite;          /* lpreg_non_finite */
  int32_t check_first;         /* 1: read the logits once to check them before anything is written */
  double clip_low, clip_high;  /* >= 0, high may be +inf; all but KL_COV and SAPO */
  double dual_clip;            /* > 1, 0: none (§3) */
  double ratio_cap;            /* > 0, 0: none (§7) */
  double entropy_coef;         /* finite; loss - entropy_coef * agg(H) */
  double reference_coef;       /* finite; loss + reference_coef * agg(KLhat); needs batch.ref_log_probs */
  double beta;                 /* >= 0; lp-reg */
  double rho;                  /* [0, 1]; paper */
  double rho_negative;         /* [0, 1]; reference */
  double rho_positive;         /* [0, 1]; reference */
  double kl_cov_percent;       /* >= 0, a percent; KL_COV */
  double kl_cov_coef;          /* >= 0; KL_COV */
  double clip_cov_ratio;       /* [0, 1]; CLIP_COV */
  double cov_low, cov_high;    /* CLIP_COV */
  double top_fraction;         /* [0, 1]; TOP_ENTROPY */
  double tau_positive;         /* > 0; SAPO */
  double tau_negative;         /* > 0; SAPO */
  uint64_t seed;               /* CLIP_COV without batch.chosen */
} lpreg_loss_options;

/* ----------------------------------------------------------------------------------------------------- batch
 */

typedef struct lpreg_batch {
  size_t struct_size;
  int64_t sequences; /* B, at most 2^31 - 1 */
  int64_t tokens;    /* T, the padded width; packed: ignored */
  int64_t rows;      /* B*T, or cu_seq_lens[B] */
  int64_t vocab;     /* V */
  const int64_t*
      cu_seq_lens; /* [B + 1], packed rows; NULL: padded. Ascending from 0; empty sequences allowed */
  lpreg_matrix logits;
  lpreg_matrix old_logits;              /* LPREG_PROXY_OLD */
  const lpreg_snapshot* proxy_snapshot; /* LPREG_PROXY_SNAPSHOT */
  const void* actions;                  /* [rows] ids in [0, V) */
  int32_t action_dtype;                 /* lpreg_action_dtype */
  int32_t advantages_per_sequence;      /* 1: advantages is [B] */
  const uint8_t* mask;                  /* [rows] 0 or 1; NULL: all valid */
  const float* old_log_probs;           /* [rows] */
  const float* advantages;              /* [rows] or [B] */
  const float* ref_log_probs;           /* [rows]; with reference_coef != 0 */
  const float* rollout_weights;         /* [rows], §7; NULL: 1 */
  const float* proxy_log_probs;         /* [rows]; LPREG_PROXY_STORED; -inf allowed */
  const uint8_t* chosen;          /* [rows]; CLIP_COV: the candidates to zero; NULL: drawn from the seed */
  lpreg_scalar prob_threshold;    /* paper: delta in place of the rho-quantile */
  lpreg_scalar token_count;       /* n of §4, used without eps */
  lpreg_scalar sequence_count;    /* B of §4 */
  lpreg_scalar max_length;        /* T of §4 */
  const double* sequence_lengths; /* [B] n_b of §4, without eps; NULL: counted from the mask */
} lpreg_batch;

/* Per-token results, each [rows], 0 on masked rows (keep: NULL where not wanted). */
typedef struct lpreg_token_outputs {
  size_t struct_size;
  float* log_prob;       /* <= 0 */
  float* entropy;        /* nats */
  float* log_kept_mass;  /* log Z <= 0 */
  float* proxy_log_prob; /* log q(action), -inf outside of K */
  float* kl;             /* KL(q||p) */
  float* token_loss; /* l of §§3-7 with rollout weight and Lp-Reg term, without entropy and reference KL */
  float* coef_log_prob;   /* dloss/dlogProb */
  float* coef_entropy;    /* dloss/dH */
  float* coef_kl;         /* dloss/dKL */
  float* weight;          /* w of §4 */
  float* log_sum_exp;     /* log sum exp(z/t), with z softcapped */
  int32_t* keep_count;    /* |K| */
  uint8_t* action_is_max; /* the action is an exact maximiser of its row */
  uint8_t* selected;      /* regularised, penalised (KL_COV), zeroed (CLIP_COV) or kept (TOP_ENTROPY) */
  uint8_t* clipped;
  uint8_t* dual_clipped;
  uint8_t* candidate; /* CLIP_COV */
} lpreg_token_outputs;

/* Scalars of a whole batch. Means are over valid tokens, 0 when there are none; NaN: not applicable or not
 * computed. */
typedef struct lpreg_loss_result {
  size_t struct_size;
  double loss;
  double policy_loss;    /* sum w l */
  double entropy_term;   /* sum w H */
  double reference_term; /* sum w KLhat(ref) */
  double entropy;        /* mean H */
  double clip_fraction;
  double dual_clip_fraction;
  double approx_kl; /* mean (r - 1 - log r), k3 of old against current */
  double ratio_min, ratio_max, ratio_mean;
  double kept_mass; /* mean Z */
  double proxy_kl;  /* mean KL(q||p) over the rows where it was computed */
  double kept_mass_negative, kept_mass_selected;
  double pull_ratio;     /* §6 */
  double prob_threshold; /* delta of paper */
  int64_t valid_count, negative_count, lowest_count, selected_count;
} lpreg_loss_result;

/* ------------------------------------------------------------------------------------- pieces of one row
 * (split) */

/* (a) One part of a row's vocabulary. Parts merge in any grouping. Exact maximisers are counted, not summed,
 * so that log-probs near 0 keep their relative precision. */
typedef struct lpreg_row_part {
  float max;          /* largest logit as given (before softcap); -inf: nothing finite */
  float action_logit; /* the action's logit as given, -inf when it lies in another part */
  double max_count;   /* elements equal to max */
  double rest;        /* sum of exp((z - max)/t) over the others; NaN: the part holds NaN or +inf */
  double moment;      /* sum of exp((z - max)/t) * (z - max)/t */
  double raw_rest;    /* sum of exp(z - max) over the others; fixed filter on raw logits only, else 0 */
} lpreg_row_part;

/* (b) Kept set of one part, given the whole row's maximum and cut. Parts add up. */
typedef struct lpreg_row_kept {
  double kept_rest; /* sum of exp((z - max)/t) over K without the maximisers */
  double dropped;   /* the same outside of K */
  double linear;    /* sum of (z - max)/t over all tokens above -inf; rows whose proxy is uniform only */
  int64_t count;    /* |K| */
} lpreg_row_kept;

enum {
  LPREG_ROW_MASKED = 1,
  LPREG_ROW_UNIFORM = 2,     /* no token passed the fixed filter, and q = 1/V */
  LPREG_ROW_ACTION_KEPT = 4, /* the action is in K */
  LPREG_ROW_ACTION_IS_MAX = 8,
  LPREG_ROW_NON_FINITE = 16
};

/* (c) What the gradient and the objective need of a row. */
typedef struct lpreg_row_state {
  float max;            /* as in lpreg_row_part */
  float cut;            /* token v is in K iff z_v - max >= cut, with softcapped z */
  double log_sum_exp;   /* log sum exp((z - max)/t) >= 0 */
  double action_offset; /* (z_action - max)/t */
  double log_prob;
  double entropy;
  double log_kept_mass;
  double proxy_log_prob;
  double kl;
  int32_t keep_count;
  uint32_t flags; /* LPREG_ROW_... */
} lpreg_row_state;

/* --------------------------------------------------------------------------------------------------- devices
 */

/* What this library and this machine make of CUDA. Texts live as long as the process. */
typedef struct lpreg_cuda_info {
  size_t struct_size;
  const char* reason;        /* the one reason why no device can be used, "" when one can */
  const char* advice;        /* what to do about it, "" when one can */
  const char* architectures; /* compute capabilities with kernels of their own, "75,90"; newer ones run too */
  int32_t driver_version;    /* newest CUDA that the driver offers, 13000 for 13.0; 0: no driver */
  int32_t runtime_version;   /* CUDA that this library was built with; 0: without CUDA */
  int32_t device_count;      /* devices that the driver shows to this process */
} lpreg_cuda_info;

typedef struct lpreg_device_info {
  size_t struct_size;
  char name[256];             /* the maker's */
  char reason[256];           /* why this device cannot be used, "" when it can */
  int64_t memory_bytes;       /* in all */
  int32_t compute_capability; /* 90 for 9.0 */
  int32_t multiprocessors;
} lpreg_device_info;

/* ----------------------------------------------------------------------------------------------------- table
 */

typedef struct lpreg_api {
  uint32_t abi_version;

  lpreg_status (*context_create)(const lpreg_context_options* options, lpreg_context** context,
                                 lpreg_error* error);
  void (*context_destroy)(lpreg_context* context); /* NULL is allowed; no call may be under way */
  lpreg_status (*context_set_threads)(lpreg_context* context, int32_t threads, lpreg_error* error);
  lpreg_status (*context_info)(const lpreg_context* context, lpreg_context_info* info, lpreg_error* error);

  /* Whole loss (§§2-7). The workspace carries a forward pass to its backward passes; nothing else may write
   * to it. The gradient may be batch.logits itself, with equal dtype, base and strides. */
  lpreg_status (*loss_workspace_size)(const lpreg_context* context, const lpreg_loss_options* options,
                                      const lpreg_batch* batch, size_t* bytes, lpreg_error* error);
  lpreg_status (*loss_forward)(lpreg_context* context, const lpreg_loss_options* options,
                               const lpreg_batch* batch, void* workspace, size_t workspace_bytes,
                               const lpreg_token_outputs* outputs, lpreg_loss_result* result,
                               const lpreg_call* call, lpreg_error* error);
  lpreg_status (*loss_backward)(lpreg_context* context, const lpreg_loss_options* options,
                                const lpreg_batch* batch, const void* workspace, size_t workspace_bytes,
                                lpreg_scalar grad_output, const lpreg_matrix* gradient,
                                const lpreg_call* call, lpreg_error* error);
  lpreg_status (*loss_forward_backward)(lpreg_context* context, const lpreg_loss_options* options,
                                        const lpreg_batch* batch, void* workspace, size_t workspace_bytes,
                                        lpreg_scalar grad_output, const lpreg_matrix* gradient,
                                        const lpreg_token_outputs* outputs, lpreg_loss_result* result,
                                        const lpreg_call* call, lpreg_error* error);

  /* Per-token operation (§1). Uses of the batch: layout, vocab, logits, old_logits or snapshot or stored
   * log-probs, actions, mask. states [rows] and proxy_states [rows] (LPREG_PROXY_OLD only, else NULL) are
   * written for token_stats_backward; with actions NULL only what needs no action is computed. */
  lpreg_status (*token_stats)(lpreg_context* context, const lpreg_row_options* options,
                              const lpreg_batch* batch, int32_t non_finite, lpreg_row_state* states,
                              lpreg_row_state* proxy_states, const lpreg_token_outputs* outputs,
                              const lpreg_call* call, lpreg_error* error);
  /* (d) dlogits of sum(d_log_prob * logProb + d_entropy * H + d_kl * KL); each d_... is [rows], NULL: 0. §2
   */
  lpreg_status (*token_stats_backward)(lpreg_context* context, const lpreg_row_options* options,
                                       const lpreg_batch* batch, const lpreg_row_state* states,
                                       const lpreg_row_state* proxy_states, const float* d_log_prob,
                                       const float* d_entropy, const float* d_kl,
                                       const lpreg_matrix* gradient, const lpreg_call* call,
                                       lpreg_error* error);

  /* Scalar stage: per-token arrays -> loss and the three coefficients per token (in outputs). Reads of
   * `tokens` log_prob and, where the objective needs them, entropy, log_kept_mass, proxy_log_prob, kl,
   * action_is_max. The batch's logits, actions and vocab are ignored. */
  lpreg_status (*objective_workspace_size)(const lpreg_context* context, const lpreg_loss_options* options,
                                           const lpreg_batch* batch, size_t* bytes, lpreg_error* error);
  lpreg_status (*objective)(lpreg_context* context, const lpreg_loss_options* options,
                            const lpreg_batch* batch, const lpreg_token_outputs* tokens, void* workspace,
                            size_t workspace_bytes, const lpreg_token_outputs* outputs,
                            lpreg_loss_result* result, const lpreg_call* call, lpreg_error* error);

  /* Split statistics for vocabulary shards. batch.vocab is the shard's width, vocab_start its first id; ids
   * of actions are global. Merge the parts of all shards, cut, sum the kept pieces, finalise, then take the
   * gradient of each shard with token_stats_backward's formula. Proxy: none or current. A shard without any
   * finite logit weighs nothing. Non-finite rows are no error here: row_finalize gives their states
   * LPREG_ROW_NON_FINITE, and row_gradient writes NaN. */
  lpreg_status (*row_parts)(lpreg_context* context, const lpreg_row_options* options,
                            const lpreg_batch* batch, int64_t vocab_start, int64_t vocab_total,
                            lpreg_row_part* parts /* [rows] */, const lpreg_call* call, lpreg_error* error);
  lpreg_status (*row_parts_merge)(lpreg_context* context, const lpreg_row_options* options, int64_t rows,
                                  int64_t part_count, const lpreg_row_part* parts /* [part_count, rows] */,
                                  lpreg_row_part* merged /* [rows] */, const lpreg_call* call,
                                  lpreg_error* error);
  lpreg_status (*row_kept)(lpreg_context* context, const lpreg_row_options* options, const lpreg_batch* batch,
                           int64_t vocab_start, int64_t vocab_total, const lpreg_row_part* merged,
                           lpreg_row_kept* kept /* [rows] */, const lpreg_call* call, lpreg_error* error);
  lpreg_status (*row_kept_merge)(lpreg_context* context, int64_t rows, int64_t part_count,
                                 const lpreg_row_kept* kept /* [part_count, rows] */,
                                 lpreg_row_kept* merged /* [rows] */, const lpreg_call* call,
                                 lpreg_error* error);
  lpreg_status (*row_finalize)(lpreg_context* context, const lpreg_row_options* options, int64_t rows,
                               int64_t vocab_total, const uint8_t* mask /* [rows] or NULL */,
                               const lpreg_row_part* merged, const lpreg_row_kept* kept /* with a filter */,
                               lpreg_row_state* states /* [rows] */, const lpreg_call* call,
                               lpreg_error* error);
  lpreg_status (*row_gradient)(lpreg_context* context, const lpreg_row_options* options,
                               const lpreg_batch* batch, int64_t vocab_start, int64_t vocab_total,
                               const lpreg_row_state* states, const float* d_log_prob, const float* d_entropy,
                               const float* d_kl, const lpreg_matrix* gradient, const lpreg_call* call,
                               lpreg_error* error);

  /* Proxy snapshot of batch.logits (the old policy's) under options.filter. snapshot_size counts the entries
   * needed; `entries` is device memory on a CUDA context without host_memory. `states` [rows] is the caller's
   * memory for what both compute of the rows. LPREG_ERR_SNAPSHOT_TOO_LARGE names the first row that does not
   * fit; row_ptr is written all the same, so that row_ptr[rows] tells the capacity to come back with. On a
   * CUDA context context_synchronize tells it, and rows that do not fit are left out. */
  lpreg_status (*snapshot_size)(lpreg_context* context, const lpreg_row_options* options,
                                const lpreg_batch* batch, lpreg_row_state* states, int64_t* entries,
                                const lpreg_call* call, lpreg_error* error);
  lpreg_status (*snapshot_write)(lpreg_context* context, const lpreg_row_options* options,
                                 const lpreg_batch* batch, lpreg_row_state* states, lpreg_snapshot* snapshot,
                                 const lpreg_call* call, lpreg_error* error);

  /* Waits for the stream and returns the first finding of the kernels since the last call of this function,
   * in the words and with the output_status that the CPU would have used; then forgets it. One stream per
   * context at a time. On the CPU there is nothing to wait for. */
  lpreg_status (*context_synchronize)(lpreg_context* context, void* stream, lpreg_error* error);

  /* Devices and their memory, for callers without a CUDA runtime of their own. cuda_info always succeeds; the
   * others return LPREG_ERR_BACKEND_UNAVAILABLE with reason and advice where no device can be used, and
   * LPREG_ERR_OPTION for an ordinal outside of [0, device_count). The caller's current device is restored. */
  lpreg_status (*cuda_info)(lpreg_cuda_info* info, lpreg_error* error);
  lpreg_status (*device_info)(int32_t device, lpreg_device_info* info, lpreg_error* error);
  /* The device that holds a pointer; LPREG_ERR_OPTION for memory of no device. */
  lpreg_status (*device_of_pointer)(const void* pointer, int32_t* device, lpreg_error* error);
  /* bytes > 0; 256-byte aligned, content undefined. Release waits for the device; NULL is allowed. */
  lpreg_status (*device_allocate)(int32_t device, size_t bytes, void** memory, lpreg_error* error);
  lpreg_status (*device_release)(int32_t device, void* memory, lpreg_error* error);
  /* Copies in the order of the stream (NULL: the default one). wait = 1: complete on return; 0: the host
   * memory must stay as it is until the stream has been waited for. */
  lpreg_status (*device_upload)(int32_t device, void* target, const void* host, size_t bytes, void* stream,
                                int32_t wait, lpreg_error* error);
  lpreg_status (*device_download)(int32_t device, void* host, const void* source, size_t bytes, void* stream,
                                  int32_t wait, lpreg_error* error);
  lpreg_status (*device_clear)(int32_t device, void* target, size_t bytes, void* stream, lpreg_error* error);
  /* Waits for the stream, and no more: findings of kernels are told by context_synchronize. */
  lpreg_status (*device_synchronize)(int32_t device, void* stream, lpreg_error* error);
  /* A stream beside the default one: neither waits for the other. Destroying NULL is allowed. */
  lpreg_status (*stream_create)(int32_t device, void** stream, lpreg_error* error);
  lpreg_status (*stream_destroy)(int32_t device, void* stream, lpreg_error* error);
} lpreg_api;

/* The table of the given version, or NULL when this library does not have it. The table is never freed. */
#if defined(__GNUC__)
__attribute__((visibility("default")))
#endif
const lpreg_api*
lpreg_get_api(uint32_t abi_version);

#ifdef __cplusplus
}
#endif
#endif /* LPREG_H */
