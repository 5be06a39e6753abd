#include "batch_selection.h"

#include <algorithm>
#include <cmath>

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
        states_(core::is_row_local(options, view.batch()) ? nullptr : states) {}

  BatchSelection run() {
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
    return core::ranked_log_prob(options_, batch_, row, states_ == nullptr ? 0 : states_[row].log_prob);
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
    mark(candidates, core::lowest_count(static_cast<int64_t>(candidates.size()), rho));
  }

  // Paper's form: the rho-quantile of p over all valid tokens.
  void find_threshold() {
    selection_.by_threshold = true;
    if (batch_.prob_threshold.kind != LPREG_ABSENT) {
      selection_.threshold = core::given_threshold(core::scalar_value(batch_.prob_threshold, 0));
      return;
    }
    const auto candidates = candidates_where(
        [](int64_t) { return true; }, [&](int64_t row) { return core::ascending_key(ranked_log_prob(row)); });
    if (candidates.empty()) return;
    const auto at = core::quantile_position(static_cast<int64_t>(candidates.size()), options_.rho);
    const auto log_prob_at = [&](int64_t rank) {
      return core::value_of_ascending_key(order_statistic(candidates, rank));
    };
    const double low = log_prob_at(at.lower);
    const double high = options_.interpolation == LPREG_LOWER ? low : log_prob_at(at.upper);
    selection_.threshold = core::quantile_threshold(options_.interpolation, at, low, high);
  }

  std::vector<double> covariances() const {
    double count = 0;
    double advantage = 0;
    double log_prob = 0;
    for (int64_t row = 0; row < view_.rows(); ++row) {
      if (!takes_part(row)) continue;
      count += 1;
      advantage += view_.advantage(row);
      log_prob += states_[row].log_prob;
    }
    const auto means = core::covariance_means(options_, count, advantage, log_prob);
    std::vector<double> result(static_cast<size_t>(view_.rows()));
    for (int64_t row = 0; row < view_.rows(); ++row) {
      if (!takes_part(row)) continue;
      result[static_cast<size_t>(row)] = core::covariance(means, view_.advantage(row), states_[row].log_prob);
    }
    return result;
  }

  void select_kl_cov() {
    const std::vector<double> cov = covariances();
    const auto candidates =
        candidates_where([](int64_t) { return true; },
                         [&](int64_t row) { return core::descending_key(cov[static_cast<size_t>(row)]); });
    mark(candidates, core::kl_cov_count(static_cast<int64_t>(candidates.size()), options_.kl_cov_percent));
  }

  void select_clip_cov() {
    const std::vector<double> cov = covariances();
    selection_.candidates.resize(static_cast<size_t>(view_.rows()));
    int64_t valid = 0;
    const auto is_candidate = [&](int64_t row) {
      ++valid;
      const double log_ratio = states_[row].log_prob - batch_.old_log_probs[row];
      return core::is_clip_cov_candidate(options_, cov[static_cast<size_t>(row)], log_ratio,
                                         view_.advantage(row));
    };
    const auto drawn =
        candidates_where(is_candidate, [&](int64_t row) { return core::random_key(options_.seed, row); });
    for (const Candidate& candidate : drawn) selection_.candidates[static_cast<size_t>(candidate.index)] = 1;
    if (batch_.chosen == nullptr) {
      return mark(drawn, core::fraction_count(valid, options_.clip_cov_ratio));
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
    mark(candidates, core::fraction_count(static_cast<int64_t>(candidates.size()), options_.top_fraction));
  }

  // Nothing is weighed without rows, however many sequences there are.
  int64_t sequences() const { return view_.rows() == 0 ? 0 : view_.sequences(); }

  void average_sequence_ratios() {
    selection_.sequence_log_ratios.resize(static_cast<size_t>(sequences()));
    for (int64_t b = 0; b < sequences(); ++b) {
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
    std::vector<double> lengths(static_cast<size_t>(sequences()));
    for (int64_t b = 0; b < sequences(); ++b) {
      double& length = lengths[static_cast<size_t>(b)];
      for (int64_t row = view_.sequence_begin(b); row < view_.sequence_end(b); ++row)
        length += counts(row) ? 1 : 0;
      total += length;
      longest = std::max(longest, static_cast<double>(view_.sequence_end(b) - view_.sequence_begin(b)));
      if (batch_.sequence_lengths != nullptr) length = batch_.sequence_lengths[b];
    }
    const core::Denominators denominators = core::denominators(batch_, total, longest);
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

core::Selection BatchSelection::view() const {
  const auto data = [](const auto& array) { return array.empty() ? nullptr : array.data(); };
  return {data(preselected),      data(candidates), data(sequence_log_ratios),
          data(sequence_weights), threshold,        by_threshold};
}

BatchSelection weigh_batch(const lpreg_loss_options& options, const BatchView& view) {
  return Selector(options, view, nullptr).weigh();
}

BatchSelection select_batch(const lpreg_loss_options& options, const BatchView& view,
                            const lpreg_row_state* states) {
  return Selector(options, view, states).run();
}

}  // namespace lpreg
