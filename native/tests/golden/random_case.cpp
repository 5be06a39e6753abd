#include "random_case.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "core/half.h"

namespace lpreg::golden {
namespace {

constexpr int64_t kVocabs[] = {1, 2, 7, 33, 128, 129, 257, 1000, 1027, 4099};
constexpr const char* kDtypes[] = {"F32", "F16", "BF16"};

class Draw {
 public:
  explicit Draw(uint64_t seed) : random_(seed) {}

  BatchCase make(int64_t vocab) {
    batch_.logits_name = "logits";
    batch_.vocab = kVocabs[below(std::size(kVocabs))];
    if (vocab > 0) batch_.vocab = vocab;
    batch_.sequences = 1 + below(4);
    batch_.tokens =
        1 + below(batch_.vocab <= 33 ? 20 : 6);  // more rows than a block of two warps has threads
    const bool packed = chance(0.3);
    if (chance(0.4)) batch_.row_stride = batch_.vocab + 1 + below(9);
    draw_options();
    // Of two valid tokens both have the same covariance: a tie that rounding decides.
    by_covariance_ = batch_.options.objective == LPREG_KL_COV || batch_.options.objective == LPREG_CLIP_COV;
    if (by_covariance_) batch_.tokens += 2;
    if (packed && !by_covariance_) pack();
    draw_tensors();
    if (chance(0.4)) batch_.gradient_dtype = kDtypes[below(3)];
    return std::move(batch_);
  }

 private:
  int64_t below(size_t n) { return static_cast<int64_t>(random_() % n); }
  bool chance(double p) { return uniform(0, 1) < p; }
  double uniform(double low, double high) {
    return std::uniform_real_distribution<double>(low, high)(random_);
  }
  double normal() { return std::normal_distribution<double>()(random_); }

  void pack() {
    batch_.cu_seq_lens = {0};
    for (int64_t b = 0; b < batch_.sequences; ++b)
      batch_.cu_seq_lens.push_back(batch_.cu_seq_lens.back() + below(7));
    if (batch_.cu_seq_lens.back() == 0) batch_.cu_seq_lens.back() = 3;
  }

  void draw_options() {
    lpreg_loss_options& o = batch_.options;
    o = {};
    o.struct_size = sizeof o;
    o.objective = static_cast<int32_t>(below(10));
    o.aggregation = o.objective == LPREG_GSPO ? LPREG_SEQ_MEAN_TOKEN_MEAN : static_cast<int32_t>(below(4));
    o.row.temperature = chance(0.5) ? 1 : uniform(0.5, 1.5);
    if (chance(0.2)) o.row.softcap = 30;
    if (chance(0.4)) o.entropy_coef = uniform(-0.02, 0.02);
    if (chance(0.4)) {
      o.reference_coef = 0.1;
      o.reference_estimator = static_cast<int32_t>(below(4));
    }
    if (o.objective != LPREG_KL_COV && o.objective != LPREG_SAPO) {
      o.clip_low = 0.2;
      o.clip_high = chance(0.5) ? 0.2 : 0.28;
      if (o.objective != LPREG_CISPO && chance(0.3)) o.dual_clip = 3;
      if (o.objective != LPREG_CISPO && chance(0.2)) o.ratio_cap = 2;
    }
    draw_objective(&o);
  }

  void draw_objective(lpreg_loss_options* o) {
    switch (o->objective) {
      case LPREG_KL_COV:
        o->kl_cov_percent = 20;
        o->kl_cov_coef = 1;
        return;
      case LPREG_CLIP_COV:
        o->clip_cov_ratio = 0.3;
        o->cov_low = 0.1;
        o->cov_high = 5;
        o->seed = random_() % 1000;
        return;
      case LPREG_TOP_ENTROPY:
        o->top_fraction = 0.3;
        return;
      case LPREG_SAPO:
        o->tau_positive = 1;
        o->tau_negative = 1.05;
        return;
      case LPREG_LP_REG_PAPER:
      case LPREG_LP_REG_REFERENCE:
      case LPREG_LP_REG_KEPT:
        draw_lp_reg(o);
        return;
      default:
        return;
    }
  }

  void draw_lp_reg(lpreg_loss_options* o) {
    const bool paper = o->objective == LPREG_LP_REG_PAPER;
    o->beta = uniform(0.2, 2);
    if (paper) {
      o->rho = uniform(0, 1);
      o->interpolation = static_cast<int32_t>(below(2));
    } else {
      o->estimator = static_cast<int32_t>(below(4));
    }
    if (o->objective == LPREG_LP_REG_REFERENCE) {
      o->rho_negative = uniform(0, 1);
      o->rho_positive = uniform(0, 0.5);
    }
    if (o->objective != LPREG_LP_REG_KEPT) o->select_on = static_cast<int32_t>(below(2));
    const int32_t proxies[] = {LPREG_PROXY_CURRENT, LPREG_PROXY_OLD, LPREG_PROXY_STORED};
    o->row.proxy = proxies[below(paper ? 2 : 3)];
    if (o->row.proxy == LPREG_PROXY_STORED) return;
    o->row.filter_kind = chance(0.5) ? LPREG_FILTER_MIN_P : LPREG_FILTER_FIXED;
    o->row.filter_value = uniform(0.01, 0.5);
    o->row.filter_on = static_cast<int32_t>(below(2));
    if (o->row.filter_kind == LPREG_FILTER_FIXED) o->row.filter_empty = static_cast<int32_t>(below(2));
  }

  // Wide and flat rows, ties, tails that hardly weigh, vocabularies masked by -inf; finite everywhere where
  // the full KL needs it.
  std::vector<double> logits_row() {
    std::vector<double> row(static_cast<size_t>(batch_.stride()));
    const double spread = chance(0.2) ? 0.01 : uniform(1, 6);
    const bool tied = chance(0.2), masked = chance(0.2) && batch_.options.row.proxy == LPREG_PROXY_NONE;
    const bool thin_tail = chance(0.15);
    for (double& z : row) {
      z = tied ? static_cast<double>(below(3)) : spread * normal();
      if (thin_tail && chance(0.5)) z -= uniform(34, 38);
      if (masked && chance(0.3)) z = -std::numeric_limits<double>::infinity();
    }
    for (size_t v = static_cast<size_t>(batch_.vocab); v < row.size(); ++v)
      row[v] = std::nan("");  // never read
    return row;
  }

  FileTensor narrowed(const std::vector<double>& values, const std::string& dtype) {
    FileTensor tensor{dtype, {batch_.rows(), batch_.stride()}, {}};
    for (const double value : values) {
      const auto single = static_cast<float>(value);
      if (dtype == "F32") append(&tensor, single);
      if (dtype == "F16") append(&tensor, core::float_to_float16(single));
      if (dtype == "BF16") append(&tensor, core::float_to_bfloat16(single));
    }
    return tensor;
  }

  template <class T>
  static void append(FileTensor* tensor, T value) {
    const size_t offset = tensor->bytes.size();
    tensor->bytes.resize(offset + sizeof value);
    std::memcpy(tensor->bytes.data() + offset, &value, sizeof value);
  }

  template <class T, class Make>
  void add_tensor(const char* name, const char* dtype, const Make& make) {
    add_tensor<T>(name, dtype, batch_.rows(), make);
  }

  template <class T, class Make>
  void add_tensor(const char* name, const char* dtype, int64_t count, const Make& make) {
    FileTensor tensor{dtype, {count}, {}};
    for (int64_t i = 0; i < count; ++i) append(&tensor, static_cast<T>(make(i)));
    batch_.file.tensors[name] = std::move(tensor);
  }

  void draw_tensors() {
    std::vector<double> logits, old_logits;
    std::vector<int32_t> actions;
    for (int64_t row = 0; row < batch_.rows(); ++row) {
      std::vector<double> values = logits_row();
      int64_t action = below(static_cast<size_t>(batch_.vocab));
      if (std::isinf(values[static_cast<size_t>(action)])) values[static_cast<size_t>(action)] = 0.5;
      actions.push_back(static_cast<int32_t>(action));
      for (const double z : values) {
        logits.push_back(z);
        old_logits.push_back(z + 0.05 * normal());
      }
    }
    const std::string dtype = kDtypes[below(3)];
    batch_.file.tensors["logits"] = narrowed(logits, dtype);
    if (batch_.options.row.proxy == LPREG_PROXY_OLD) {
      batch_.file.tensors["old_logits"] = narrowed(old_logits, kDtypes[below(3)]);
    }
    add_tensor<int32_t>("actions", "I32", [&](int64_t row) { return actions[static_cast<size_t>(row)]; });
    add_tensor<uint8_t>("mask", "U8", [&](int64_t) { return by_covariance_ || chance(0.8); });
    add_tensor<float>("old_logp", "F32", [&](int64_t) { return -std::fabs(2 * normal()) - 0.1; });
    batch_.advantages_per_sequence = chance(0.3);
    const int64_t advantages = batch_.advantages_per_sequence ? batch_.sequences : batch_.rows();
    add_tensor<float>("advantages", "F32", advantages, [&](int64_t) { return normal(); });
    if (chance(0.3)) add_tensor<float>("rollout_weights", "F32", [&](int64_t) { return uniform(0.5, 2); });
    if (batch_.options.reference_coef != 0) {
      add_tensor<float>("ref_logp", "F32", [&](int64_t) { return -std::fabs(2 * normal()) - 0.1; });
    }
    if (batch_.options.row.proxy == LPREG_PROXY_STORED) {
      add_tensor<float>("stored_proxy_logp", "F32", [&](int64_t) { return -std::fabs(normal()); });
    }
  }

  std::mt19937_64 random_;
  BatchCase batch_{};
  bool by_covariance_ = false;
};

}  // namespace

BatchCase random_case(uint64_t seed, int64_t vocab) { return Draw(seed).make(vocab); }

}  // namespace lpreg::golden
