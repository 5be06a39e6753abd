#include "sharded_evaluation.h"

#include <stdexcept>
#include <string>
#include <vector>

namespace lpreg::golden {
namespace {

class Run {
 public:
  explicit Run(const ShardedLoss& loss) : l_(loss), rows_(static_cast<size_t>(loss.batch.rows)) {
    error_.struct_size = sizeof error_;
    // A narrow shard between two wide ones.
    const int64_t vocab = l_.batch.vocab;
    for (const int64_t cut : {vocab / 3, vocab / 3 + 1, vocab}) {
      if (cut > cuts_.back() && cut <= vocab) cuts_.push_back(cut);
    }
  }

  void evaluate() {
    auto* states = array<lpreg_row_state>(rows_);
    compute_states(states);
    check(l_.api.context_synchronize(l_.context, nullptr, &error_), "context_synchronize");
    std::vector<lpreg_row_state> found(rows_);
    l_.memory->download(found.data(), states, rows_ * sizeof(lpreg_row_state));
    compute_objective(found);
    const lpreg_token_outputs& o = l_.outputs;
    for (size_t k = 0; k < shards(); ++k) {
      lpreg_matrix gradient = l_.gradient;
      gradient.data = column(gradient, cuts_[k]);
      const lpreg_batch batch = shard(k);
      check(l_.api.row_gradient(l_.context, &l_.options.row, &batch, cuts_[k], l_.batch.vocab, states,
                                o.coef_log_prob, o.coef_entropy, has_proxy() ? o.coef_kl : nullptr, &gradient,
                                nullptr, &error_),
            "row_gradient");
    }
  }

 private:
  size_t shards() const { return cuts_.size() - 1; }
  bool has_proxy() const { return l_.options.row.proxy != LPREG_PROXY_NONE; }

  void check(lpreg_status status, const char* what) const {
    if (status == LPREG_OK) return;
    throw std::runtime_error(std::string(what) + " failed with status " + std::to_string(status) + ": " +
                             error_.argument + " " + error_.message);
  }

  template <class T>
  T* array(size_t count) {
    return static_cast<T*>(l_.memory->allocate(count * sizeof(T)));
  }

  static void* column(const lpreg_matrix& matrix, int64_t column) {
    return static_cast<char*>(matrix.data) + column * (matrix.dtype == LPREG_FLOAT32 ? 4 : 2);
  }

  lpreg_batch shard(size_t k) const {
    lpreg_batch batch = l_.batch;
    batch.vocab = cuts_[k + 1] - cuts_[k];
    batch.logits.data = column(batch.logits, cuts_[k]);
    return batch;
  }

  void compute_states(lpreg_row_state* states) {
    const lpreg_row_options& row = l_.options.row;
    const auto count = static_cast<int64_t>(shards());
    auto* parts = array<lpreg_row_part>(shards() * rows_);
    auto* merged = array<lpreg_row_part>(rows_);
    for (size_t k = 0; k < shards(); ++k) {
      const lpreg_batch batch = shard(k);
      check(l_.api.row_parts(l_.context, &row, &batch, cuts_[k], l_.batch.vocab, parts + k * rows_, nullptr,
                             &error_),
            "row_parts");
    }
    check(l_.api.row_parts_merge(l_.context, &row, l_.batch.rows, count, parts, merged, nullptr, &error_),
          "row_parts_merge");
    lpreg_row_kept* all_kept = has_proxy() ? compute_kept(merged) : nullptr;
    check(l_.api.row_finalize(l_.context, &row, l_.batch.rows, l_.batch.vocab, l_.batch.mask, merged,
                              all_kept, states, nullptr, &error_),
          "row_finalize");
  }

  lpreg_row_kept* compute_kept(const lpreg_row_part* merged) {
    auto* kept = array<lpreg_row_kept>(shards() * rows_);
    auto* all_kept = array<lpreg_row_kept>(rows_);
    for (size_t k = 0; k < shards(); ++k) {
      const lpreg_batch batch = shard(k);
      check(l_.api.row_kept(l_.context, &l_.options.row, &batch, cuts_[k], l_.batch.vocab, merged,
                            kept + k * rows_, nullptr, &error_),
            "row_kept");
    }
    check(l_.api.row_kept_merge(l_.context, l_.batch.rows, static_cast<int64_t>(shards()), kept, all_kept,
                                nullptr, &error_),
          "row_kept_merge");
    return all_kept;
  }

  // A field of all states in `target`, or in memory of its own.
  template <class T, class Field>
  T* put(T* target, const std::vector<lpreg_row_state>& states, const Field& field) {
    std::vector<T> values;
    for (const lpreg_row_state& state : states) values.push_back(static_cast<T>(field(state)));
    if (target == nullptr) target = array<T>(rows_);
    l_.memory->upload(target, values.data(), values.size() * sizeof(T));
    return target;
  }

  void compute_objective(const std::vector<lpreg_row_state>& states) {
    using State = const lpreg_row_state&;
    const lpreg_token_outputs& o = l_.outputs;
    lpreg_token_outputs tokens{};
    tokens.struct_size = sizeof tokens;
    tokens.log_prob = put(o.log_prob, states, [](State s) { return s.log_prob; });
    tokens.entropy = put(o.entropy, states, [](State s) { return s.entropy; });
    tokens.action_is_max = put(o.action_is_max, states,
                               [](State s) { return (s.flags & LPREG_ROW_ACTION_IS_MAX) != 0 ? 1 : 0; });
    if (has_proxy()) {
      tokens.proxy_log_prob = put(o.proxy_log_prob, states, [](State s) { return s.proxy_log_prob; });
      tokens.log_kept_mass = put(o.log_kept_mass, states, [](State s) { return s.log_kept_mass; });
      tokens.kl = put(o.kl, states, [](State s) { return s.kl; });
      put(o.keep_count, states, [](State s) { return s.keep_count; });
    }
    lpreg_token_outputs decisions = o;
    decisions.log_prob = decisions.entropy = decisions.log_kept_mass = nullptr;
    decisions.proxy_log_prob = decisions.kl = decisions.log_sum_exp = nullptr;
    decisions.keep_count = nullptr;
    decisions.action_is_max = nullptr;
    check(l_.api.objective(l_.context, &l_.options, &l_.batch, &tokens, l_.workspace, l_.workspace_bytes,
                           &decisions, l_.result, nullptr, &error_),
          "objective");
  }

  const ShardedLoss& l_;
  size_t rows_;
  std::vector<int64_t> cuts_{0};
  lpreg_error error_{};
};

}  // namespace

void evaluate_by_shards(const ShardedLoss& loss) { Run(loss).evaluate(); }

}  // namespace lpreg::golden
