// The whole loss: forward, backward, and both in one call.
#include "allocator.h"
#include "batch.h"
#include "fields.h"
#include "operation.h"
#include "property.h"

namespace lpreg_addon {
namespace {

lpreg_loss_result empty_result() {
  lpreg_loss_result result{};
  result.struct_size = sizeof result;
  return result;
}

lpreg_scalar grad_output_of(const Napi::Object& arguments) {
  return {LPREG_HOST, number_property(arguments, "grad_output"), nullptr};
}

// What the three operations share.
class LossOperation : public Operation {
 public:
  explicit LossOperation(const Request& request)
      : context_(request.context),
        storage_(request.is_job),
        options_(read_loss_options(object_property(request.arguments, "options"))),
        batch_(object_property(request.arguments, "batch"), storage_) {}

 protected:
  Workspace new_workspace(const Napi::Object& arguments) const {
    size_t bytes = 0;
    lpreg_error error = empty_error();
    const lpreg_api& api = context_->api();
    throw_if_failed(api.loss_workspace_size(context_->get(), &options_, &batch_.get(), &bytes, &error),
                    error);
    return {Allocator(arguments), bytes};
  }

  lpreg_token_outputs outputs_of(const Napi::Object& arguments) {
    return read_token_outputs(object_property(arguments, "outputs"), batch_.get().rows, storage_);
  }

  GradientArgument gradient_of(const Napi::Object& arguments) {
    return {object_property(arguments, "gradient"), batch_.get(), storage_};
  }

  std::shared_ptr<Context> context_;
  Storage storage_;
  lpreg_loss_options options_;
  BatchArgument batch_;
};

class LossForward : public LossOperation {
 public:
  explicit LossForward(const Request& request)
      : LossOperation(request),
        outputs_(outputs_of(request.arguments)),
        workspace_(new_workspace(request.arguments)) {}

  lpreg_status run(const lpreg_call& call, lpreg_error* error) override {
    return context_->api().loss_forward(context_->get(), &options_, &batch_.get(), workspace_.data(),
                                        workspace_.bytes(), &outputs_, &result_, &call, error);
  }

  Napi::Value result(Napi::Env env) override {
    Napi::Object object = loss_result_object(env, result_);
    object.Set("workspace", workspace_.value());
    return object;
  }

 private:
  lpreg_token_outputs outputs_;
  Workspace workspace_;
  lpreg_loss_result result_ = empty_result();
};

class LossBackward : public LossOperation {
 public:
  explicit LossBackward(const Request& request)
      : LossOperation(request),
        workspace_(request.arguments.Get("workspace")),
        grad_output_(grad_output_of(request.arguments)),
        gradient_(gradient_of(request.arguments)) {}

  lpreg_status run(const lpreg_call& call, lpreg_error* error) override {
    return context_->api().loss_backward(context_->get(), &options_, &batch_.get(), workspace_.data(),
                                         workspace_.bytes(), grad_output_, &gradient_.matrix(), &call, error);
  }

  Napi::Value result(Napi::Env env) override {
    gradient_.write_back(env);
    return env.Undefined();
  }

  bool gradient_is_scratch() const override { return gradient_.is_scratch(); }

 private:
  Workspace workspace_;
  lpreg_scalar grad_output_;
  GradientArgument gradient_;
};

class LossForwardBackward : public LossOperation {
 public:
  explicit LossForwardBackward(const Request& request)
      : LossOperation(request),
        outputs_(outputs_of(request.arguments)),
        grad_output_(grad_output_of(request.arguments)),
        gradient_(gradient_of(request.arguments)),
        workspace_(new_workspace(request.arguments)) {}

  lpreg_status run(const lpreg_call& call, lpreg_error* error) override {
    return context_->api().loss_forward_backward(context_->get(), &options_, &batch_.get(), workspace_.data(),
                                                 workspace_.bytes(), grad_output_, &gradient_.matrix(),
                                                 &outputs_, &result_, &call, error);
  }

  Napi::Value result(Napi::Env env) override {
    gradient_.write_back(env);
    return loss_result_object(env, result_);
  }

  bool gradient_is_scratch() const override { return gradient_.is_scratch(); }

 private:
  lpreg_token_outputs outputs_;
  lpreg_scalar grad_output_;
  GradientArgument gradient_;
  Workspace workspace_;
  lpreg_loss_result result_ = empty_result();
};

}  // namespace

std::unique_ptr<Operation> make_loss_forward(const Request& request) {
  return std::make_unique<LossForward>(request);
}

std::unique_ptr<Operation> make_loss_backward(const Request& request) {
  return std::make_unique<LossBackward>(request);
}

std::unique_ptr<Operation> make_loss_forward_backward(const Request& request) {
  return std::make_unique<LossForwardBackward>(request);
}

}  // namespace lpreg_addon
