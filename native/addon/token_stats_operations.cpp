// The per-token operation and its vector-Jacobian product.
#include "allocator.h"
#include "batch.h"
#include "operation.h"
#include "options.h"
#include "results.h"

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
      : Operation(request),
        options_(read_row_options(request.arguments)),
        batch_(request.arguments, storage_),
        layout_{static_cast<size_t>(batch_.get().rows), options_.proxy == LPREG_PROXY_OLD} {}

 protected:
  lpreg_row_options options_;
  BatchArgument batch_;
  StatesLayout layout_;
};

class TokenStats : public TokenOperation {
 public:
  explicit TokenStats(const Request& request)
      : TokenOperation(request),
        non_finite_(request.arguments.integer(Argument::non_finite)),
        results_(request.arguments, batch_.get().rows, storage_),
        states_(Workspace::make(request.arguments, layout_.bytes(), storage_)) {}

  lpreg_status run(const lpreg_call& call, lpreg_error* error) override {
    return context_->api().token_stats(context_->get(), &options_, &batch_.get(), non_finite_,
                                       layout_.states(states_), layout_.proxy_states(states_),
                                       &results_.tokens(), &call, error);
  }

  void fetch() override { results_.fetch(); }

  Napi::Value result(Napi::Env) override { return states_.value(); }

 private:
  int32_t non_finite_;
  Results results_;
  Workspace states_;
};

class TokenStatsBackward : public TokenOperation {
 public:
  explicit TokenStatsBackward(const Request& request)
      : TokenOperation(request),
        states_(Workspace::given(request.arguments, storage_)),
        d_log_prob_(cotangent_of(request.arguments, Argument::d_log_prob)),
        d_entropy_(cotangent_of(request.arguments, Argument::d_entropy)),
        d_kl_(cotangent_of(request.arguments, Argument::d_kl)),
        gradient_(request.arguments, batch_.get(), storage_) {
    if (states_.bytes() != layout_.bytes()) {
      throw Failure{LPREG_ERR_SHAPE, "workspace", "belong to a batch of another size"};
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
  const float* cotangent_of(const Arguments& arguments, Argument argument) {
    return read_row_floats(arguments, argument, argument_name(argument), batch_.get().rows, storage_);
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
