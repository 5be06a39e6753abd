// The scalar stage: per-token arrays to loss and coefficients, without logits.
#include "allocator.h"
#include "batch.h"
#include "operation.h"
#include "options.h"
#include "results.h"

namespace lpreg_addon {
namespace {

class Objective : public Operation {
 public:
  explicit Objective(const Request& request)
      : Operation(request),
        options_(read_loss_options(request.arguments)),
        batch_(request.arguments, storage_),
        tokens_(read_token_inputs(request.arguments, batch_.get().rows, storage_)),
        results_(request.arguments, batch_.get().rows, storage_),
        workspace_(Workspace::own(workspace_bytes(), storage_)) {}

  lpreg_status run(const lpreg_call& call, lpreg_error* error) override {
    return context_->api().objective(context_->get(), &options_, &batch_.get(), &tokens_, workspace_.data(),
                                     workspace_.bytes(), &results_.tokens(), results_.scalars(), &call,
                                     error);
  }

  void fetch() override { results_.fetch(); }

  Napi::Value result(Napi::Env env) override {
    results_.store();
    return env.Undefined();
  }

 private:
  size_t workspace_bytes() const {
    size_t bytes = 0;
    lpreg_error error = empty_error();
    const lpreg_api& api = context_->api();
    throw_if_failed(api.objective_workspace_size(context_->get(), &options_, &batch_.get(), &bytes, &error),
                    error);
    return bytes;
  }

  lpreg_loss_options options_;
  BatchArgument batch_;
  lpreg_token_outputs tokens_;
  Results results_;
  Workspace workspace_;
};

}  // namespace

std::unique_ptr<Operation> make_objective(const Request& request) {
  return std::make_unique<Objective>(request);
}

}  // namespace lpreg_addon
