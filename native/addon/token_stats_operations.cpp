// The per-token operation and its vector-Jacobian product.
#include "allocator.h"
#include "batch.h"
#include "fields.h"
#include "operation.h"
#include "property.h"

namespace lpreg_addon {
namespace {

// Row states of the logits, then those of the old logits where the proxy comes from them.
struct StatesLayout {
  size_t rows;
  bool has_proxy;

  size_t bytes() const { return rows * sizeof(lpreg_row_state) * (has_proxy ? 2 : 1); }
  lpreg_row_state* states(const Workspace& memory) const {
    return static_cast<lpreg_row_state*>(memory.data());
  }
  lpreg_row_state* proxy_states(const Workspace& memory) const {
    return has_proxy ? states(memory) + rows : nullptr;
  }
};

class TokenOperation : public Operation {
 public:
  explicit TokenOperation(const Request& request)
      : context_(request.context),
        storage_(request.is_job),
        options_(read_row_options(object_property(request.arguments, "options"))),
        batch_(object_property(request.arguments, "batch"), storage_),
        layout_{static_cast<size_t>(batch_.get().rows), options_.proxy == LPREG_PROXY_OLD} {}

 protected:
  std::shared_ptr<Context> context_;
  Storage storage_;
  lpreg_row_options options_;
  BatchArgument batch_;
  StatesLayout layout_;
};

class TokenStats : public TokenOperation {
 public:
  explicit TokenStats(const Request& request)
      : TokenOperation(request),
        non_finite_(as_int32(request.arguments.Get("non_finite"), "non_finite")),
        outputs_(
            read_token_outputs(object_property(request.arguments, "outputs"), batch_.get().rows, storage_)),
        states_(Allocator(request.arguments), layout_.bytes()) {}

  lpreg_status run(const lpreg_call& call, lpreg_error* error) override {
    return context_->api().token_stats(context_->get(), &options_, &batch_.get(), non_finite_,
                                       layout_.states(states_), layout_.proxy_states(states_), &outputs_,
                                       &call, error);
  }

  Napi::Value result(Napi::Env) override { return states_.value(); }

 private:
  int32_t non_finite_;
  lpreg_token_outputs outputs_;
  Workspace states_;
};

class TokenStatsBackward : public TokenOperation {
 public:
  explicit TokenStatsBackward(const Request& request)
      : TokenOperation(request),
        states_(request.arguments.Get("states")),
        d_log_prob_(coefficients_of(request.arguments, "d_log_prob")),
        d_entropy_(coefficients_of(request.arguments, "d_entropy")),
        d_kl_(coefficients_of(request.arguments, "d_kl")),
        gradient_(object_property(request.arguments, "gradient"), batch_.get(), storage_) {
    if (states_.bytes() != layout_.bytes()) {
      throw Failure{LPREG_ERR_SHAPE, "states", "belong to a batch of another size"};
    }
  }

  lpreg_status run(const lpreg_call& call, lpreg_error* error) override {
    return context_->api().token_stats_backward(
        context_->get(), &options_, &batch_.get(), layout_.states(states_), layout_.proxy_states(states_),
        d_log_prob_, d_entropy_, d_kl_, &gradient_.matrix(), &call, error);
  }

  Napi::Value result(Napi::Env env) override {
    gradient_.write_back(env);
    return env.Undefined();
  }

  bool gradient_is_scratch() const override { return gradient_.is_scratch(); }

 private:
  const float* coefficients_of(const Napi::Object& arguments, const char* name) {
    const auto value = property(arguments, name);
    if (!value) return nullptr;
    const ArrayView view = view_array(*value, name);
    require_type(view, {napi_float32_array});
    require_length(view, batch_.get().rows);
    return reinterpret_cast<const float*>(storage_.small_input(view));
  }

  Workspace states_;
  const float* d_log_prob_;
  const float* d_entropy_;
  const float* d_kl_;
  GradientArgument gradient_;
};

}  // namespace

std::unique_ptr<Operation> make_token_stats(const Request& request) {
  return std::make_unique<TokenStats>(request);
}

std::unique_ptr<Operation> make_token_stats_backward(const Request& request) {
  return std::make_unique<TokenStatsBackward>(request);
}

}  // namespace lpreg_addon
