#include "batch_case.h"

#include <initializer_list>
#include <stdexcept>
#include <utility>

namespace lpreg::golden {
namespace {

using Words = std::initializer_list<std::pair<const char*, int32_t>>;

const Words kLosses = {{"grpo", LPREG_GRPO},
                       {"gspo", LPREG_GSPO},
                       {"kl-cov", LPREG_KL_COV},
                       {"clip-cov", LPREG_CLIP_COV},
                       {"80-20", LPREG_TOP_ENTROPY},
                       {"lp-reg-paper", LPREG_LP_REG_PAPER},
                       {"lp-reg-reference", LPREG_LP_REG_REFERENCE},
                       {"lp-reg-kept", LPREG_LP_REG_KEPT},
                       {"cispo", LPREG_CISPO},
                       {"sapo", LPREG_SAPO}};
const Words kAggregations = {{"token-mean", LPREG_TOKEN_MEAN},
                             {"seq-mean-token-sum", LPREG_SEQ_MEAN_TOKEN_SUM},
                             {"seq-mean-token-mean", LPREG_SEQ_MEAN_TOKEN_MEAN},
                             {"seq-mean-token-sum-norm", LPREG_SEQ_MEAN_TOKEN_SUM_NORM}};
const Words kEstimators = {{"kl", LPREG_K1}, {"abs", LPREG_ABS}, {"mse", LPREG_K2}, {"low_var_kl", LPREG_K3}};
const Words kInterpolations = {{"lower", LPREG_LOWER}, {"linear", LPREG_LINEAR}};
const Words kSelectOn = {{"current", LPREG_SELECT_CURRENT}, {"old", LPREG_SELECT_OLD}};
const Words kFilterModes = {{"min-p", LPREG_FILTER_MIN_P}, {"fixed", LPREG_FILTER_FIXED}};
const Words kFilterOn = {{"scaled", LPREG_ON_SCALED}, {"raw", LPREG_ON_RAW}};
const Words kFilterEmpty = {{"argmax", LPREG_EMPTY_ARGMAX}, {"uniform", LPREG_EMPTY_UNIFORM}};
const Words kProxies = {
    {"current", LPREG_PROXY_CURRENT}, {"old", LPREG_PROXY_OLD}, {"stored", LPREG_PROXY_STORED}};

int32_t choice(const Json& value, const char* fallback, const Words& words) {
  const std::string text = value.text_or(fallback);
  for (const auto& [word, meaning] : words) {
    if (text == word) return meaning;
  }
  throw std::runtime_error("metadata: \"" + text + "\" is not a known word");
}

bool is_lp_reg(int32_t objective) {
  return objective == LPREG_LP_REG_PAPER || objective == LPREG_LP_REG_REFERENCE ||
         objective == LPREG_LP_REG_KEPT;
}

void read_clip(const Json& hyper, lpreg_loss_options* o) {
  if (o->objective == LPREG_KL_COV || o->objective == LPREG_SAPO) return;
  double low = 0.2, high = 0.2;
  if (o->objective == LPREG_GSPO) {
    low = 3e-4;
    high = 4e-4;
  } else if (is_lp_reg(o->objective)) {
    low = 1;
    high = 9;
  }
  o->clip_low = hyper["low"].number_or(low);
  o->clip_high = hyper["high"].number_or(high);
  o->dual_clip = hyper["dual"].number_or(0);
  o->ratio_cap = hyper["ratio_cap"].number_or(0);
}

void read_lp_reg(const Json& hyper, lpreg_loss_options* o) {
  o->beta = hyper["beta"].number_or(1);
  if (o->objective == LPREG_LP_REG_PAPER) {
    o->rho = hyper["rho"].number_or(0.01);
    o->interpolation = choice(hyper["interp"], "linear", kInterpolations);
  } else {
    o->estimator = choice(hyper["estimator"], "low_var_kl", kEstimators);
  }
  if (o->objective == LPREG_LP_REG_REFERENCE) {
    o->rho_negative = hyper["rho_neg"].number_or(0.01);
    o->rho_positive = hyper["rho_pos"].number_or(0);
  }
  if (o->objective != LPREG_LP_REG_KEPT) o->select_on = choice(hyper["select_on"], "current", kSelectOn);
}

void read_compared(const Json& hyper, lpreg_loss_options* o) {
  switch (o->objective) {
    case LPREG_KL_COV:
      o->kl_cov_percent = hyper["k_percent"].number_or(0.2);
      o->kl_cov_coef = hyper["coef"].number_or(1);
      break;
    case LPREG_CLIP_COV:
      o->clip_cov_ratio = hyper["ratio"].number_or(2e-4);
      o->cov_low = hyper["lb"].number_or(1);
      o->cov_high = hyper["ub"].number_or(5);
      break;
    case LPREG_TOP_ENTROPY:
      o->top_fraction = hyper["frac"].number_or(0.2);
      break;
    case LPREG_SAPO:
      o->tau_positive = hyper["tau_pos"].number_or(1);
      o->tau_negative = hyper["tau_neg"].number_or(1.05);
      break;
    default:
      break;
  }
}

void read_filter(const Json& filter, lpreg_row_options* row) {
  row->proxy = choice(filter["source"], "current", kProxies);
  if (row->proxy == LPREG_PROXY_STORED) return;  // filtered when the proxies were computed
  row->filter_kind = choice(filter["mode"], "", kFilterModes);
  row->filter_value = filter["value"].number;
  row->filter_on = choice(filter["on"], "scaled", kFilterOn);
  if (row->filter_kind == LPREG_FILTER_FIXED)
    row->filter_empty = choice(filter["empty"], "argmax", kFilterEmpty);
}

lpreg_loss_options read_options(const Json& meta) {
  lpreg_loss_options o{};
  o.struct_size = sizeof o;
  o.objective = choice(meta["loss"], "", kLosses);
  o.row.temperature = meta["temperature"].number_or(1);
  o.row.softcap = meta["softcap"].number_or(0);
  o.aggregation = o.objective == LPREG_GSPO ? LPREG_SEQ_MEAN_TOKEN_MEAN
                                            : choice(meta["agg"], "token-mean", kAggregations);
  const Json& extras = meta["extras"];
  o.entropy_coef = extras["entropy_coef"].number_or(0);
  o.reference_coef = extras["kl_ref_coef"].number_or(0);
  if (o.reference_coef != 0) o.reference_estimator = choice(extras["kl_ref_type"], "low_var_kl", kEstimators);
  read_clip(meta["hyper"], &o);
  read_compared(meta["hyper"], &o);
  if (is_lp_reg(o.objective)) {
    read_lp_reg(meta["hyper"], &o);
    read_filter(meta["filter"], &o.row);
  }
  return o;
}

using Shape = std::vector<int64_t>;

void check_tensor(const BatchCase& batch, const char* name, const std::string& dtypes, const Shape& shape) {
  const FileTensor* tensor = batch.file.find(name);
  if (tensor == nullptr) return;
  const bool known = (" " + dtypes + " ").find(" " + tensor->dtype + " ") != std::string::npos;
  if (!known)
    throw std::runtime_error("tensor " + std::string(name) + " is " + tensor->dtype + ", not " + dtypes);
  if (tensor->shape != shape) throw std::runtime_error("tensor " + std::string(name) + " has another shape");
}

// That the tensors which are there are as long as the evaluation takes them to be.
void check_tensors(const BatchCase& batch) {
  const std::string floats = "F32 F16 BF16";
  const Shape tokens = {batch.sequences, batch.tokens}, logits = {batch.sequences, batch.tokens, batch.vocab};
  for (const char* name : {"actions", "old_logp", "advantages"}) {
    if (!batch.has(name)) throw std::runtime_error("no tensor \"" + std::string(name) + "\"");
  }
  check_tensor(batch, batch.logits_name.c_str(), floats, logits);
  check_tensor(batch, "old_logits", floats, logits);
  check_tensor(batch, "actions", "I32 I64", tokens);
  for (const char* name : {"mask", "chosen"}) check_tensor(batch, name, "U8 BOOL", tokens);
  for (const char* name : {"old_logp", "ref_logp", "rollout_weights", "stored_proxy_logp"}) {
    check_tensor(batch, name, "F32", tokens);
  }
  const bool per_sequence = batch.file.tensors.at("advantages").shape.size() == 1;
  check_tensor(batch, "advantages", "F32", per_sequence ? Shape{batch.sequences} : tokens);
}

}  // namespace

bool BatchCase::is_lp_reg() const { return golden::is_lp_reg(options.objective); }

BatchCase make_batch_case(TensorFile file, const std::string& logits_name) {
  BatchCase batch;
  batch.file = std::move(file);
  const auto text = batch.file.metadata.find("case");
  if (text == batch.file.metadata.end()) throw std::runtime_error("no metadata \"case\"");
  batch.meta = parse_json(text->second);
  batch.options = read_options(batch.meta);
  batch.logits_name = logits_name;
  const FileTensor* logits = batch.file.find(logits_name);
  if (logits == nullptr || logits->shape.size() != 3) {
    throw std::runtime_error("no tensor \"" + logits_name + "\" of shape [B, T, V]");
  }
  batch.sequences = logits->shape[0];
  batch.tokens = logits->shape[1];
  batch.vocab = logits->shape[2];
  check_tensors(batch);
  batch.advantages_per_sequence = batch.file.tensors.at("advantages").shape.size() == 1;
  return batch;
}

BatchCase read_batch_case(const std::string& path, const std::string& logits_name) {
  try {
    return make_batch_case(read_safetensors(path), logits_name);
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(path + ": " + error.what());
  }
}

}  // namespace lpreg::golden
