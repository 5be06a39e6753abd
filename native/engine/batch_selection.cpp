#include "batch_selection.h"

#include <algorithm>
#include <cmath>

#include "../core/aggregation.h"
#include "../core/token_objective.h"
#include "host_selection.h"
#include "validate.h"

namespace lpreg {
namespace {

class Selector {
 public:
  Selector(const lpreg_loss_options& options, const BatchView& view, const lpreg_row_state* states)
      : options_(options),
        view_(view),
        batch_(view.batch()),
        // Selections from host inputs alone must not depend on whether the logits were already read.
        states_(is_row_local(options, view.batch()) ? nullptr : states) {}

  BatchSelection run() {
    selection_.delta = NAN;
    switch (options_.objective) {
      case LPREG_GSPO:
        average_sequence_ratios();
        break;
      case LPREG_KL_COV:
        select_kl_cov();
        break;
      case LPREG_CLIP_COV:
        select_clip_cov();
        break;
      case LPREG_TOP_ENTROPY:
        select_top_entropy();
        break;
      case LPREG_LP_REG_PAPER:
        find_threshold();
        break;
      case LPREG_LP_REG_REFERENCE:
        select_lowest(true, options_.rho_positive);
        select_lowest(false, options_.rho_negative);
        break;
      default:
        break;
    }
    return weigh();
  }

  BatchSelection weigh() {
    weigh_sequences();
    return std::move(selection_);
  }

 private:
  // Rows with non-finite logits take no part in anything that looks across rows.
  bool takes_part(int64_t row) const {
    return view_.valid(row) && (states_ == nullptr || !(states_[row].flags & LPREG_ROW_NON_FINITE));
  }

  double ranked_log_prob(int64_t row) const {
    return options_.select_on == LPREG_SELECT_OLD ? batch_.old_log_probs[row] : states_[row].log_prob;
  }

  template <class Keep, class Key>
  std::vector<Candidate> candidates_where(const Keep& keep, const Key& key) const {
    std::vector<Candidate> candidates;
    for (int64_t row = 0; row < view_.rows(); ++row) {
      if (takes_part(row) && keep(row)) candidates.push_back({key(row), row});
    }
    return candidates;
  }

  void mark(const std::vector<Candidate>& candidates, int64_t k) {
    selection_.preselected.resize(static_cast<size_t>(view_.rows()));
    mark_lowest(candidates, k, &selection_.preselected);
  }

  // Reference form: the k lowest log-probs of one side, nothing unless k > 1.
  void select_lowest(bool positive, double rho) {
    const auto candidates = candidates_where(
        [&](int64_t row) { return positive ? view_.advantage(row) > 0 : view_.advantage(row) < 0; },
        [&](int64_t row) { return core::ascending_key(ranked_log_prob(row)); });
    const auto k = static_cast<int64_t>(static_cast<double>(candidates.size()) * rho);
    mark(candidates, k > 1 ? k : 0);
  }

  // Paper's form: the rho-quantile of p over all valid tokens.
  void find_threshold() {
    selection_.by_threshold = true;
    if (batch_.prob_threshold.kind != LPREG_ABSENT) {
      selection_.delta = host_scalar(batch_.prob_threshold, 0, "prob_threshold");
      selection_.threshold = std::log(selection_.delta);
      return;
    }
    const auto candidates = candidates_where(
        [](int64_t) { return true; }, [&](int64_t row) { return core::ascending_key(ranked_log_prob(row)); });
    if (candidates.empty()) return;
    const double position = options_.rho * static_cast<double>(candidates.size() - 1);
    const auto lower = static_cast<int64_t>(std::floor(position));
    const double log_low = core::value_of_ascending_key(order_statistic(candidates, lower));
    if (options_.interpolation == LPREG_LOWER) {
      selection_.threshold = log_low;
      selection_.delta = std::exp(log_low);
      return;
    }
    const auto upper = std::min(lower + 1, static_cast<int64_t>(candidates.size()) - 1);
    const double low = std::exp(log_low);
    const double high = std::exp(core::value_of_ascending_key(order_statistic(candidates, upper)));
    selection_.log_space = false;
    selection_.delta = selection_.threshold = low + (position - static_cast<double>(lower)) * (high - low);
  }

  // (A - mean A)(logProb - mean logProb); the means divide by n + epsilon.
  std::vector<double> covariances(double epsilon) const {
    double count = epsilon;
    double advantage = 0;
    double log_prob = 0;
    for (int64_t row = 0; row < view_.rows(); ++row) {
      if (!takes_part(row)) continue;
      count += 1;
      advantage += view_.advantage(row);
      log_prob += states_[row].log_prob;
    }
    std::vector<double> result(static_cast<size_t>(view_.rows()));
    for (int64_t row = 0; row < view_.rows(); ++row) {
      if (!takes_part(row)) continue;
      result[static_cast<size_t>(row)] =
          (view_.advantage(row) - advantage / count) * (states_[row].log_prob - log_prob / count);
    }
    return result;
  }

  void select_kl_cov() {
    const std::vector<double> cov = covariances(0);
    const auto candidates =
        candidates_where([](int64_t) { return true; },
                         [&](int64_t row) { return core::descending_key(cov[static_cast<size_t>(row)]); });
    const auto n = static_cast<double>(candidates.size());
    const auto k = static_cast<int64_t>(n * std::min(options_.kl_cov_percent, n) / 100);
    mark(candidates, options_.kl_cov_percent == 0 ? 0 : std::max<int64_t>(1, k));
  }

  void select_clip_cov() {
    const std::vector<double> cov = covariances(core::kAggregationEpsilon);
    selection_.candidates.resize(static_cast<size_t>(view_.rows()));
    int64_t valid = 0;
    const auto is_candidate = [&](int64_t row) {
      ++valid;
      const double value = cov[static_cast<size_t>(row)];
      const double log_ratio = states_[row].log_prob - batch_.old_log_probs[row];
      return options_.cov_low < value && value < options_.cov_high &&
             !core::clipped_by(options_, log_ratio, view_.advantage(row)).clipped;
    };
    const auto drawn =
        candidates_where(is_candidate, [&](int64_t row) { return core::random_key(options_.seed, row); });
    for (const Candidate& candidate : drawn) selection_.candidates[static_cast<size_t>(candidate.index)] = 1;
    if (batch_.chosen == nullptr) {
      const auto k = static_cast<int64_t>(options_.clip_cov_ratio * static_cast<double>(valid));
      return mark(drawn, std::max<int64_t>(1, k));
    }
    selection_.preselected.resize(static_cast<size_t>(view_.rows()));
    for (const Candidate& candidate : drawn) {
      selection_.preselected[static_cast<size_t>(candidate.index)] = batch_.chosen[candidate.index];
    }
  }

  void select_top_entropy() {
    const auto candidates =
        candidates_where([](int64_t) { return true; },
                         [&](int64_t row) { return core::descending_key(states_[row].entropy); });
    const auto k = static_cast<int64_t>(options_.top_fraction * static_cast<double>(candidates.size()));
    mark(candidates, std::max<int64_t>(1, k));
  }

  void average_sequence_ratios() {
    selection_.sequence_log_ratios.resize(static_cast<size_t>(view_.sequences()));
    for (int64_t b = 0; b < view_.sequences(); ++b) {
      double sum = 0;
      double count = 0;
      for (int64_t row = view_.sequence_begin(b); row < view_.sequence_end(b); ++row) {
        if (!takes_part(row)) continue;
        sum += states_[row].log_prob - batch_.old_log_probs[row];
        count += 1;
      }
      selection_.sequence_log_ratios[static_cast<size_t>(b)] = sum / std::max(1.0, count);
    }
  }

  // 80/20 shrinks the mask itself, and with it what the aggregation divides by.
  bool counts(int64_t row) const {
    if (!view_.valid(row)) return false;
    return options_.objective != LPREG_TOP_ENTROPY || selection_.preselected[static_cast<size_t>(row)] != 0;
  }

  void weigh_sequences() {
    double total = 0;
    double longest = view_.packed() ? 0 : static_cast<double>(batch_.tokens);
    std::vector<double> lengths(static_cast<size_t>(view_.sequences()));
    for (int64_t b = 0; b < view_.sequences(); ++b) {
      double& length = lengths[static_cast<size_t>(b)];
      for (int64_t row = view_.sequence_begin(b); row < view_.sequence_end(b); ++row)
        length += counts(row) ? 1 : 0;
      total += length;
      longest = std::max(longest, static_cast<double>(view_.sequence_end(b) - view_.sequence_begin(b)));
      if (batch_.sequence_lengths != nullptr) length = batch_.sequence_lengths[b];
    }
    const core::Denominators denominators{
        host_scalar(batch_.token_count, total, "token_count"),
        host_scalar(batch_.sequence_count, static_cast<double>(view_.sequences()), "sequence_count"),
        host_scalar(batch_.max_length, longest, "max_length"), batch_.token_count.kind != LPREG_ABSENT,
        batch_.sequence_lengths != nullptr};
    for (double& length : lengths)
      length = core::aggregation_weight(options_.aggregation, denominators, length);
    selection_.sequence_weights = std::move(lengths);
  }

  const lpreg_loss_options& options_;
  const BatchView& view_;
  const lpreg_batch& batch_;
  const lpreg_row_state* states_;
  BatchSelection selection_;
};

}  // namespace

bool is_row_local(const lpreg_loss_options& options, const lpreg_batch& batch) {
  switch (options.objective) {
    case LPREG_GRPO:
    case LPREG_CISPO:
    case LPREG_SAPO:
    case LPREG_LP_REG_KEPT:
      return true;
    case LPREG_LP_REG_PAPER:
      return options.select_on == LPREG_SELECT_OLD || batch.prob_threshold.kind != LPREG_ABSENT;
    case LPREG_LP_REG_REFERENCE:
      return options.select_on == LPREG_SELECT_OLD;
    default:
      return false;
  }
}

bool BatchSelection::is_preselected(int64_t row, double ranked_log_prob) const {
  if (!by_threshold) return !preselected.empty() && preselected[static_cast<size_t>(row)] != 0;
  if (std::isnan(delta)) return false;
  return log_space ? ranked_log_prob < threshold : std::exp(ranked_log_prob) < threshold;
}

bool is_split(const lpreg_loss_options& options) {
  return options.objective == LPREG_LP_REG_PAPER || options.objective == LPREG_LP_REG_REFERENCE;
}

BatchSelection weigh_batch(const lpreg_loss_options& options, const BatchView& view) {
  return Selector(options, view, nullptr).weigh();
}

BatchSelection select_batch(const lpreg_loss_options& options, const BatchView& view,
                            const lpreg_row_state* states) {
  return Selector(options, view, states).run();
}

}  // namespace lpreg
