// What an objective decides over the whole batch (SEMANTICS §§4, 6, 7), by one block: selections, thresholds,
// sequence ratios and aggregation weights. The device's twin of engine/batch_selection.cpp; every rule and
// number is in core/.
#include "select.cuh"

#include "objective.h"
#include "plan.h"

namespace lpreg::cuda {

namespace {

class Selector {
 public:
  __device__ explicit Selector(const SelectArguments& arguments)
      : a_(arguments), options_(arguments.options), batch_(arguments.batch) {}

  __device__ void run() {
    core::Selection selection{a_.preselected, nullptr, nullptr, a_.weights, core::no_threshold(), false};
    clear_marks();
    if (!a_.weights_only) {
      switch (options_.objective) {
        case LPREG_GSPO:
          average_sequence_ratios();
          selection.sequence_log_ratios = a_.log_ratios;
          break;
        case LPREG_KL_COV:
          select_kl_cov();
          break;
        case LPREG_CLIP_COV:
          select_clip_cov();
          selection.candidates = a_.candidates;
          break;
        case LPREG_TOP_ENTROPY:
          select_top_entropy();
          break;
        case LPREG_LP_REG_PAPER:
          selection.by_threshold = true;
          selection.threshold = find_threshold();
          break;
        case LPREG_LP_REG_REFERENCE:
          select_lowest(true, options_.rho_positive);
          select_lowest(false, options_.rho_negative);
          break;
        default:
          break;
      }
    }
    weigh_sequences();
    if (threadIdx.x == 0) *a_.selection = selection;
  }

 private:
  __device__ double log_prob(int64_t row) const { return a_.states == nullptr ? 0 : a_.states[row].log_prob; }

  // Rows with non-finite logits take no part in anything that looks across rows.
  __device__ bool takes_part(int64_t row) const {
    return core::is_valid_row(batch_, row) &&
           (a_.states == nullptr || !core::has_non_finite_logits(a_.states[row]));
  }

  __device__ double ranked(int64_t row) const {
    return core::ranked_log_prob(options_, batch_, row, log_prob(row));
  }

  __device__ Candidates candidates() const { return {a_.keys, a_.takes, batch_.rows}; }

  // Every selection has barriers between these zeros and its marks: those of collect().
  __device__ void clear_marks() {
    for (int64_t row = threadIdx.x; row < batch_.rows; row += blockDim.x) {
      a_.preselected[row] = a_.candidates[row] = 0;
    }
  }

  // Collects the keys of the rows that pass; returns how many.
  template <class Keep, class Key>
  __device__ int64_t collect(const Keep& keep, const Key& key) {
    double count = 0;
    for (int64_t row = threadIdx.x; row < batch_.rows; row += blockDim.x) {
      const bool takes = takes_part(row) && keep(row);
      a_.takes[row] = takes;
      if (takes) a_.keys[row] = key(row);
      count += takes;
    }
    // The reduction's barriers also lie between these writes and the selection's reads.
    return static_cast<int64_t>(block_reduce(Sums<1>{{count}}).v[0]);
  }

  // Reference form: the k lowest log-probs of one side.
  __device__ void select_lowest(bool positive, double rho) {
    const int64_t n = collect(
        [&](int64_t row) {
          const double advantage = core::advantage_of(batch_, row);
          return positive ? advantage > 0 : advantage < 0;
        },
        [&](int64_t row) { return core::ascending_key(ranked(row)); });
    mark_lowest(candidates(), n, core::lowest_count(n, rho), a_.preselected);
    __syncthreads();  // between these reads of the keys and the next side's writes
  }

  // Paper's form: the rho-quantile of p over all valid tokens.
  __device__ core::Threshold find_threshold() {
    if (batch_.prob_threshold.kind != LPREG_ABSENT) {
      return core::given_threshold(core::scalar_value(batch_.prob_threshold, 0));
    }
    const int64_t n =
        collect([](int64_t) { return true; }, [&](int64_t row) { return core::ascending_key(ranked(row)); });
    if (n == 0) return core::no_threshold();
    const core::QuantilePosition at = core::quantile_position(n, options_.rho);
    const double low = core::value_of_ascending_key(block_select(candidates(), at.lower).prefix);
    double high = low;
    if (options_.interpolation != LPREG_LOWER) {
      high = core::value_of_ascending_key(block_select(candidates(), at.upper).prefix);
    }
    return core::quantile_threshold(options_.interpolation, at, low, high);
  }

  __device__ core::CovarianceMeans covariance_means() {
    Sums<3> sums = Sums<3>::none();
    for (int64_t row = threadIdx.x; row < batch_.rows; row += blockDim.x) {
      if (!takes_part(row)) continue;
      sums.join({{1, core::advantage_of(batch_, row), log_prob(row)}});
    }
    sums = block_reduce(sums);
    return core::covariance_means(options_, sums.v[0], sums.v[1], sums.v[2]);
  }

  __device__ void select_kl_cov() {
    const core::CovarianceMeans means = covariance_means();
    const int64_t n =
        collect([](int64_t) { return true; },
                [&](int64_t row) {
                  const double advantage = core::advantage_of(batch_, row);
                  return core::descending_key(core::covariance(means, advantage, log_prob(row)));
                });
    mark_lowest(candidates(), n, core::kl_cov_count(n, options_.kl_cov_percent), a_.preselected);
  }

  __device__ void select_clip_cov() {
    const core::CovarianceMeans means = covariance_means();
    const int64_t valid = collect([](int64_t) { return true; }, [](int64_t) { return uint64_t{0}; });
    const int64_t drawn = collect(
        [&](int64_t row) {
          const double advantage = core::advantage_of(batch_, row);
          const double covariance = core::covariance(means, advantage, log_prob(row));
          return core::is_clip_cov_candidate(options_, covariance, log_prob(row) - batch_.old_log_probs[row],
                                             advantage);
        },
        [&](int64_t row) { return core::random_key(options_.seed, row); });
    for (int64_t row = threadIdx.x; row < batch_.rows; row += blockDim.x) {
      a_.candidates[row] = a_.takes[row];
      if (batch_.chosen != nullptr) a_.preselected[row] = a_.takes[row] != 0 && batch_.chosen[row] != 0;
    }
    if (batch_.chosen != nullptr) return;
    mark_lowest(candidates(), drawn, core::fraction_count(valid, options_.clip_cov_ratio), a_.preselected);
  }

  __device__ void select_top_entropy() {
    const int64_t n = collect([](int64_t) { return true; },
                              [&](int64_t row) { return core::descending_key(a_.states[row].entropy); });
    mark_lowest(candidates(), n, core::fraction_count(n, options_.top_fraction), a_.preselected);
  }

  // Rows of a sequence; damaged bounds, found before, must do no harm here.
  __device__ Stretch rows_of(int64_t sequence) const {
    const auto inside = [this](int64_t row) { return row < 0 ? 0 : row > batch_.rows ? batch_.rows : row; };
    return {inside(core::sequence_begin(batch_, sequence)), inside(core::sequence_end(batch_, sequence))};
  }

  // Calls f(sequence, sums) with the sums of value(row) over the sequence: a warp per sequence.
  template <class Value, class Function>
  __device__ void for_each_sequence(const Value& value, const Function& f) {
    const int64_t warps = blockDim.x / 32;
    for (int64_t b = threadIdx.x / 32; b < batch_.sequences; b += warps) {
      const Stretch stretch = rows_of(b);
      Sums<2> sums = Sums<2>::none();
      for (int64_t row = stretch.begin + threadIdx.x % 32; row < stretch.end; row += 32)
        sums.join(value(row));
      sums = warp_reduce(sums);
      if (threadIdx.x % 32 == 0) f(b, sums);
    }
    __syncthreads();  // between what f wrote and everyone's reads
  }

  __device__ void average_sequence_ratios() {
    for_each_sequence(
        [&](int64_t row) {
          if (!takes_part(row)) return Sums<2>::none();
          return Sums<2>{{1, log_prob(row) - batch_.old_log_probs[row]}};
        },
        [&](int64_t b, const Sums<2>& sums) {
          a_.log_ratios[b] = sums.v[1] / (sums.v[0] > 1 ? sums.v[0] : 1);
        });
  }

  // 80/20 shrinks the mask itself, and with it what the aggregation divides by.
  __device__ bool counts(int64_t row) const {
    if (!core::is_valid_row(batch_, row)) return false;
    return options_.objective != LPREG_TOP_ENTROPY || a_.preselected[row] != 0;
  }

  __device__ void weigh_sequences() {
    __syncthreads();  // between the marks and the counts
    for_each_sequence(
        [&](int64_t row) {
          return Sums<2>{{counts(row) ? 1.0 : 0.0, 0}};
        },
        [&](int64_t b, const Sums<2>& sums) { a_.weights[b] = sums.v[0]; });
    double total = 0;
    Maximum<double> longest{core::is_packed(batch_) ? 0.0 : static_cast<double>(batch_.tokens)};
    for (int64_t b = threadIdx.x; b < batch_.sequences; b += blockDim.x) {
      const Stretch stretch = rows_of(b);
      total += a_.weights[b];
      longest.join({static_cast<double>(stretch.end - stretch.begin)});
    }
    total = block_reduce(Sums<1>{{total}}).v[0];
    const core::Denominators denominators = core::denominators(batch_, total, block_reduce(longest).v);
    for (int64_t b = threadIdx.x; b < batch_.sequences; b += blockDim.x) {
      const double length = batch_.sequence_lengths == nullptr ? a_.weights[b] : batch_.sequence_lengths[b];
      a_.weights[b] = core::aggregation_weight(options_.aggregation, denominators, length);
    }
  }

  const SelectArguments& a_;
  const lpreg_loss_options& options_;
  const lpreg_batch& batch_;
};

}  // namespace

__global__ void __launch_bounds__(kBatchThreads, 1)
    select_kernel(const __grid_constant__ SelectArguments arguments) {
  Selector(arguments).run();
}

int launch_select(const DeviceFacts& facts, const SelectArguments& arguments, void* stream) {
  return launch(select_kernel, batch_shape(facts), stream, arguments);
}

}  // namespace lpreg::cuda
