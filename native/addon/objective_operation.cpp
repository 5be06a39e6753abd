// The scalar stage: per-token arrays to loss and coefficients, without logits.
#include "allocator.h"
#include "batch.h"
#include "fields.h"
#include "operation.h"
#include "property.h"

namespace lpreg_addon {
namespace {

class Objective : public Operation {
 public:
  explicit Objective(const Request& request)
      : context_(request.context),
        storage_(request.is_job),
        options_(read_loss_options(object_property(request.arguments, "options"))),
        batch_(object_property(request.arguments, "batch"), storage_),
        tokens_(read_token_inputs(object_property(request.arguments, "tokens"), batch_.get().rows, storage_)),
        outputs_(
            read_token_outputs(object_property(request.arguments, "outputs"), batch_.get().rows, storage_)),
        workspace_(new_workspace(request.arguments)) {
    result_.struct_size = sizeof result_;
  }

  lpreg_status run(const lpreg_call& call, lpreg_error* error) override {
    return context_->api().objective(context_->get(), &options_, &batch_.get(), &tokens_, workspace_.data(),
                                     workspace_.bytes(), &outputs_, &result_, &call, error);
  }

  Napi::Value result(Napi::Env env) override { return loss_result_object(env, result_); }

 private:
  Workspace new_workspace(const Napi::Object& arguments) const {
    size_t bytes = 0;
    lpreg_error error = empty_error();
    const lpreg_api& api = context_->api();
    throw_if_failed(api.objective_workspace_size(context_->get(), &options_, &batch_.get(), &bytes, &error),
                    error);
    return {Allocator(arguments), bytes};
  }

  std::shared_ptr<Context> context_;
  Storage storage_;
  lpreg_loss_options options_;
  BatchArgument batch_;
  lpreg_token_outputs tokens_;
  lpreg_token_outputs outputs_;
  Workspace workspace_;
  lpreg_loss_result result_{};
};

}  // namespace

std::unique_ptr<Operation> make_objective(const Request& request) {
  return std::make_unique<Objective>(request);
}

}  // namespace lpreg_addon
