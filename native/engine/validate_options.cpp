// Ranges of the options, and options that the objective does not use.
#include <cmath>

#include "../core/token_objective.h"
#include "validate.h"

namespace lpreg {
namespace {

void require(bool holds, const char* name, const char* message) {
  if (!holds) throw Failure{LPREG_ERR_OPTION, name, -1, message};
}

void check_enum(int32_t value, int32_t last, const char* name) {
  if (value < 0 || value > last) throw Failure{LPREG_ERR_TYPE, name, -1, "not a value of its enumeration"};
}

void check_unused(bool used, double value, const char* name) {
  if (!used && value != 0) {
    throw Failure{LPREG_ERR_OPTION_WITHOUT_EFFECT, name, -1, "this objective does not use it"};
  }
}

void check_range(double value, double low, double high, const char* name, const char* message) {
  require(value >= low && value <= high, name, message);  // false for NaN
}

void check_filter(const lpreg_row_options& options) {
  const bool filtered = options.filter_kind != LPREG_FILTER_NONE;
  const bool needs_filter = options.proxy == LPREG_PROXY_CURRENT || options.proxy == LPREG_PROXY_OLD;
  require(filtered || !needs_filter, "filter_kind", "a proxy from logits needs a filter");
  check_unused(needs_filter, options.filter_kind, "filter_kind");
  check_unused(filtered, options.filter_value, "filter_value");
  check_unused(filtered, options.filter_on, "filter_on");
  check_unused(options.filter_kind == LPREG_FILTER_FIXED, options.filter_empty, "filter_empty");
  if (options.filter_kind == LPREG_FILTER_MIN_P) {
    check_range(options.filter_value, 0, 1, "filter_value", "kappa must lie in [0, 1]");
  }
  if (options.filter_kind == LPREG_FILTER_FIXED) {
    require(options.filter_value > 0 && options.filter_value <= 1, "filter_value", "tau must lie in (0, 1]");
  }
}

bool has_clip(int32_t objective) { return objective != LPREG_KL_COV && objective != LPREG_SAPO; }

bool has_surrogate(int32_t objective) { return has_clip(objective) && objective != LPREG_CISPO; }

void check_clip(const lpreg_loss_options& o) {
  check_unused(has_clip(o.objective), o.clip_low, "clip_low");
  check_unused(has_clip(o.objective), o.clip_high, "clip_high");
  require(o.clip_low >= 0, "clip_low", "must not be negative");
  require(o.clip_high >= 0, "clip_high", "must not be negative");
  check_unused(has_surrogate(o.objective), o.dual_clip, "dual_clip");
  check_unused(has_surrogate(o.objective), o.ratio_cap, "ratio_cap");
  require(o.dual_clip == 0 || (o.dual_clip > 1 && std::isfinite(o.dual_clip)), "dual_clip",
          "must be greater than 1, or 0 for none");
  require(o.ratio_cap >= 0 && std::isfinite(o.ratio_cap), "ratio_cap",
          "must be greater than 0, or 0 for none");
}

void check_lp_reg(const lpreg_loss_options& o) {
  const bool paper = o.objective == LPREG_LP_REG_PAPER;
  const bool reference = o.objective == LPREG_LP_REG_REFERENCE;
  const bool any = core::is_lp_reg(o.objective);
  require(any == (o.row.proxy != LPREG_PROXY_NONE), "proxy",
          any ? "Lp-Reg needs a proxy" : "only Lp-Reg has a proxy");
  require(!paper || o.row.proxy != LPREG_PROXY_STORED, "proxy",
          "the paper's form needs the whole proxy distribution, stored log-probs do not hold it");
  check_unused(any, o.beta, "beta");
  require(o.beta >= 0 && std::isfinite(o.beta), "beta", "must be finite and not negative");
  check_unused(paper, o.rho, "rho");
  check_range(o.rho, 0, 1, "rho", "must lie in [0, 1]");
  check_unused(paper, o.interpolation, "interpolation");
  check_unused(reference, o.rho_negative, "rho_negative");
  check_unused(reference, o.rho_positive, "rho_positive");
  check_range(o.rho_negative, 0, 1, "rho_negative", "must lie in [0, 1]");
  check_range(o.rho_positive, 0, 1, "rho_positive", "must lie in [0, 1]");
  check_unused(paper || reference, o.select_on, "select_on");
  check_unused(any && !paper, o.estimator, "estimator");
}

void check_compared_losses(const lpreg_loss_options& o) {
  const bool kl_cov = o.objective == LPREG_KL_COV;
  check_unused(kl_cov, o.kl_cov_percent, "kl_cov_percent");
  check_unused(kl_cov, o.kl_cov_coef, "kl_cov_coef");
  require(o.kl_cov_percent >= 0 && std::isfinite(o.kl_cov_percent), "kl_cov_percent", "must not be negative");
  require(o.kl_cov_coef >= 0 && std::isfinite(o.kl_cov_coef), "kl_cov_coef", "must not be negative");
  const bool clip_cov = o.objective == LPREG_CLIP_COV;
  check_unused(clip_cov, o.clip_cov_ratio, "clip_cov_ratio");
  check_unused(clip_cov, o.cov_low, "cov_low");
  check_unused(clip_cov, o.cov_high, "cov_high");
  check_unused(clip_cov, static_cast<double>(o.seed), "seed");
  check_range(o.clip_cov_ratio, 0, 1, "clip_cov_ratio", "must lie in [0, 1]");
  require(o.cov_low <= o.cov_high, "cov_low", "must not be above cov_high");
  check_unused(o.objective == LPREG_TOP_ENTROPY, o.top_fraction, "top_fraction");
  check_range(o.top_fraction, 0, 1, "top_fraction", "must lie in [0, 1]");
  const bool sapo = o.objective == LPREG_SAPO;
  check_unused(sapo, o.tau_positive, "tau_positive");
  check_unused(sapo, o.tau_negative, "tau_negative");
  require(!sapo || (o.tau_positive > 0 && std::isfinite(o.tau_positive)), "tau_positive",
          "must be greater than 0");
  require(!sapo || (o.tau_negative > 0 && std::isfinite(o.tau_negative)), "tau_negative",
          "must be greater than 0");
}

}  // namespace

void check_row_options(const lpreg_row_options& options) {
  check_enum(options.filter_kind, LPREG_FILTER_FIXED, "filter_kind");
  check_enum(options.filter_on, LPREG_ON_RAW, "filter_on");
  check_enum(options.filter_empty, LPREG_EMPTY_UNIFORM, "filter_empty");
  check_enum(options.proxy, LPREG_PROXY_SNAPSHOT, "proxy");
  require(options.temperature > 0 && std::isfinite(options.temperature), "temperature",
          "must be finite and greater than 0");
  require(options.softcap >= 0 && std::isfinite(options.softcap), "softcap",
          "must be greater than 0, or 0 for none");
  check_filter(options);
}

void check_loss_options(const lpreg_loss_options& o) {
  check_struct(&o, "options");
  check_enum(o.objective, LPREG_SAPO, "objective");
  check_enum(o.aggregation, LPREG_SEQ_MEAN_TOKEN_SUM_NORM, "aggregation");
  check_enum(o.estimator, LPREG_K3, "estimator");
  check_enum(o.reference_estimator, LPREG_K3, "reference_estimator");
  check_enum(o.interpolation, LPREG_LINEAR, "interpolation");
  check_enum(o.select_on, LPREG_SELECT_OLD, "select_on");
  check_enum(o.non_finite, LPREG_NON_FINITE_PROPAGATE, "non_finite");
  check_enum(o.check_first, 1, "check_first");
  check_row_options(o.row);
  require(o.objective != LPREG_GSPO || o.aggregation == LPREG_SEQ_MEAN_TOKEN_MEAN, "aggregation",
          "GSPO is always a mean over sequences of token means");
  check_clip(o);
  require(std::isfinite(o.entropy_coef), "entropy_coef", "must be finite");
  require(std::isfinite(o.reference_coef), "reference_coef", "must be finite");
  check_unused(o.reference_coef != 0, o.reference_estimator, "reference_estimator");
  check_lp_reg(o);
  check_compared_losses(o);
}

}  // namespace lpreg
