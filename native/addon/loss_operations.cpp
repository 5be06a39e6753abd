// The whole loss: forward, backward, and both in one call.
#include "allocator.h"
#include "batch.h"
#include "operation.h"
#include "options.h"
#include "results.h"

namespace lpreg_addon {
namespace {

lpreg_scalar grad_output_of(const Arguments& arguments) {
  return {LPREG_HOST, arguments.number(Argument::grad_output), nullptr};
}

// What the three operations share.
class LossOperation : public Operation {
 public:
  explicit LossOperation(const Request& request)
      : Operation(request),
        options_(read_loss_options(request.arguments)),
        batch_(request.arguments, storage_) {}

 protected:
  size_t workspace_bytes() const {
    size_t bytes = 0;
    lpreg_error error = empty_error();
    const lpreg_api& api = context_->api();
    throw_if_failed(api.loss_workspace_size(context_->get(), &options_, &batch_.get(), &bytes, &error),
                    error);
    return bytes;
  }

  lpreg_loss_options options_;
  BatchArgument batch_;
};

class LossForward : public LossOperation {
 public:
  explicit LossForward(const Request& request)
      : LossOperation(request),
        results_(request.arguments, batch_.get().rows, storage_),
        workspace_(Workspace::make(request.arguments, workspace_bytes(), storage_)) {}

  lpreg_status run(const lpreg_call& call, lpreg_error* error) override {
    return context_->api().loss_forward(context_->get(), &options_, &batch_.get(), workspace_.data(),
                                        workspace_.bytes(), &results_.tokens(), results_.scalars(), &call,
                                        error);
  }

  void fetch() override { results_.fetch(); }

  Napi::Value result(Napi::Env) override {
    results_.store();
    return workspace_.value();
  }

 private:
  Results results_;
  Workspace workspace_;
};

class LossBackward : public LossOperation {
 public:
  explicit LossBackward(const Request& request)
      : LossOperation(request),
        workspace_(Workspace::given(request.arguments, storage_)),
        grad_output_(grad_output_of(request.arguments)),
        gradient_(request.arguments, batch_.get(), storage_) {}

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
        results_(request.arguments, batch_.get().rows, storage_),
        grad_output_(grad_output_of(request.arguments)),
        gradient_(request.arguments, batch_.get(), storage_),
        workspace_(Workspace::own(workspace_bytes(), storage_)) {}

  lpreg_status run(const lpreg_call& call, lpreg_error* error) override {
    return context_->api().loss_forward_backward(context_->get(), &options_, &batch_.get(), workspace_.data(),
                                                 workspace_.bytes(), grad_output_, &gradient_.matrix(),
                                                 &results_.tokens(), results_.scalars(), &call, error);
  }

  void fetch() override { results_.fetch(); }

  Napi::Value result(Napi::Env env) override {
    gradient_.write_back(env);
    results_.store();
    return env.Undefined();
  }

  bool gradient_is_scratch() const override { return gradient_.is_scratch(); }

 private:
  Results results_;
  lpreg_scalar grad_output_;
  GradientArgument gradient_;
  Workspace workspace_;
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
