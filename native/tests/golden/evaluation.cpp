#include "evaluation.h"

#include <cstring>
#include <stdexcept>
#include <utility>
#include <vector>

#include "sharded_evaluation.h"

namespace lpreg::golden {
namespace {

void check(lpreg_status status, const lpreg_error& error, const char* what) {
  if (status == LPREG_OK) return;
  throw std::runtime_error(std::string(what) + " failed with status " + std::to_string(status) + ": " +
                           error.argument + " " + error.message + " (index " + std::to_string(error.index) +
                           ")");
}

lpreg_error empty_error() {
  lpreg_error error{};
  error.struct_size = sizeof error;
  return error;
}

int32_t dtype_of(const std::string& name) {
  if (name == "F32") return LPREG_FLOAT32;
  return name == "F16" ? LPREG_FLOAT16 : LPREG_BFLOAT16;
}

class Run {
 public:
  Run(const lpreg_api& api, lpreg_context* context, const BatchCase& source, TensorMemory* memory,
      const lpreg_call* call)
      : api_(api),
        context_(context),
        source_(source),
        memory_(memory),
        call_(call),
        logits_(source.file.tensors.at(source.logits_name)) {
    fill_batch();
    fill_outputs();
    result_ = static_cast<lpreg_loss_result*>(memory_->allocate(sizeof(lpreg_loss_result)));
    lpreg_loss_result empty{};
    empty.struct_size = sizeof empty;
    memory_->upload(result_, &empty, sizeof empty);
  }

  Results evaluate(Path path) {
    size_t bytes = 0;
    lpreg_error error = empty_error();
    check(api_.loss_workspace_size(context_, &source_.options, &batch_, &bytes, &error), error,
          "loss_workspace_size");
    void* workspace = memory_->allocate(bytes);
    lpreg_matrix gradient = batch_.logits;
    if (path != Path::kInPlace) {
      gradient.dtype = dtype_of(gradient_dtype());
      gradient.row_stride = source_.vocab;
      gradient.data = memory_->allocate(gradient_elements() * (gradient.dtype == LPREG_FLOAT32 ? 4 : 2));
    }
    if (path == Path::kShards) {
      evaluate_by_shards(
          {api_, context_, source_.options, batch_, outputs_, result_, gradient, workspace, bytes, memory_});
    } else if (path == Path::kTwoCalls) {
      check(api_.loss_forward(context_, &source_.options, &batch_, workspace, bytes, &outputs_, result_,
                              call_, &error),
            error, "loss_forward");
      check(api_.loss_backward(context_, &source_.options, &batch_, workspace, bytes, one(), &gradient, call_,
                               &error),
            error, "loss_backward");
    } else {
      check(api_.loss_forward_backward(context_, &source_.options, &batch_, workspace, bytes, one(),
                                       &gradient, &outputs_, result_, call_, &error),
            error, "loss_forward_backward");
    }
    check(api_.context_synchronize(context_, nullptr, &error), error, "context_synchronize");
    return collect(gradient);
  }

 private:
  static lpreg_scalar one() { return {LPREG_HOST, 1.0, nullptr}; }

  const std::string& gradient_dtype() const {
    return source_.gradient_dtype.empty() ? logits_.dtype : source_.gradient_dtype;
  }
  size_t gradient_elements() const { return static_cast<size_t>(source_.rows() * source_.vocab); }

  // The named tensor in the memory of the back end; null when the file has none.
  void* upload(const char* name) {
    const FileTensor* tensor = source_.file.find(name);
    if (tensor == nullptr) return nullptr;
    void* target = memory_->allocate(tensor->bytes.size());
    memory_->upload(target, tensor->bytes.data(), tensor->bytes.size());
    return target;
  }

  lpreg_matrix matrix(const char* name) {
    return {upload(name), dtype_of(source_.file.tensors.at(name).dtype), source_.stride(), 0};
  }

  void fill_batch() {
    const lpreg_loss_options& options = source_.options;
    batch_.struct_size = sizeof batch_;
    batch_.sequences = source_.sequences;
    batch_.tokens = source_.tokens;
    batch_.rows = source_.rows();
    batch_.vocab = source_.vocab;
    if (!source_.cu_seq_lens.empty()) {
      const size_t bytes = source_.cu_seq_lens.size() * sizeof(int64_t);
      auto* target = static_cast<int64_t*>(memory_->allocate(bytes));
      memory_->upload(target, source_.cu_seq_lens.data(), bytes);
      batch_.cu_seq_lens = target;
    }
    batch_.logits = matrix(source_.logits_name.c_str());
    batch_.actions = upload("actions");
    batch_.action_dtype = source_.file.tensors.at("actions").dtype == "I64" ? LPREG_INT64 : LPREG_INT32;
    batch_.mask = static_cast<uint8_t*>(upload("mask"));
    batch_.old_log_probs = static_cast<float*>(upload("old_logp"));
    batch_.advantages = static_cast<float*>(upload("advantages"));
    batch_.advantages_per_sequence = source_.advantages_per_sequence;
    batch_.rollout_weights = static_cast<float*>(upload("rollout_weights"));
    if (options.reference_coef != 0) batch_.ref_log_probs = static_cast<float*>(upload("ref_logp"));
    if (options.objective == LPREG_CLIP_COV) batch_.chosen = static_cast<uint8_t*>(upload("chosen"));
    if (options.row.proxy == LPREG_PROXY_OLD) batch_.old_logits = matrix("old_logits");
    if (options.row.proxy == LPREG_PROXY_STORED) {
      batch_.proxy_log_probs = static_cast<float*>(upload("stored_proxy_logp"));
    }
    const Json& threshold = source_.meta["hyper"]["prob_threshold"];
    if (threshold.present()) batch_.prob_threshold = {LPREG_HOST, threshold.number, nullptr};
  }

  template <class T>
  T* output(const char* name, const char* dtype) {
    FileTensor tensor;
    tensor.dtype = dtype;
    tensor.shape = {source_.rows()};
    if (source_.cu_seq_lens.empty()) tensor.shape = {source_.sequences, source_.tokens};
    tensor.bytes.resize(static_cast<size_t>(source_.rows()) * sizeof(T));
    void* memory = memory_->allocate(tensor.bytes.size());
    fields_[name] = {memory, std::move(tensor)};
    return static_cast<T*>(memory);
  }

  void fill_outputs() {
    const lpreg_loss_options& options = source_.options;
    outputs_.struct_size = sizeof outputs_;
    outputs_.log_prob = output<float>("logp", "F32");
    outputs_.entropy = output<float>("entropy", "F32");
    outputs_.token_loss = output<float>("token_loss", "F32");
    outputs_.coef_log_prob = output<float>("coef_logp", "F32");
    outputs_.coef_entropy = output<float>("coef_entropy", "F32");
    outputs_.coef_kl = output<float>("coef_kl", "F32");
    outputs_.weight = output<float>("weight", "F32");
    outputs_.clipped = output<uint8_t>("clipped", "U8");
    outputs_.selected = output<uint8_t>("selected", "U8");
    if (options.dual_clip != 0) outputs_.dual_clipped = output<uint8_t>("dual_clipped", "U8");
    if (options.objective == LPREG_CLIP_COV) outputs_.candidate = output<uint8_t>("candidate", "U8");
    if (!source_.is_lp_reg()) return;
    outputs_.proxy_log_prob = output<float>("proxy_logp", "F32");
    if (options.row.proxy == LPREG_PROXY_STORED) return;
    outputs_.log_kept_mass = output<float>("log_kept_mass", "F32");
    outputs_.kl = output<float>("kl", "F32");
    outputs_.keep_count = output<int32_t>("keep_count", "I32");
  }

  Results collect(const lpreg_matrix& gradient) {
    Results results;
    for (auto& [name, field] : fields_) {
      memory_->download(field.second.bytes.data(), field.first, field.second.bytes.size());
      results[name] = std::move(field.second);
    }
    const bool in_place = gradient.data == batch_.logits.data;
    FileTensor grad{logits_.dtype, logits_.shape, std::vector<char>(logits_.bytes.size())};
    if (!in_place) {
      grad.dtype = gradient_dtype();
      if (source_.stride() != source_.vocab) grad.shape = {source_.rows(), source_.vocab};
      grad.bytes.resize(gradient_elements() * (gradient.dtype == LPREG_FLOAT32 ? 4 : 2));
    }
    memory_->download(grad.bytes.data(), gradient.data, grad.bytes.size());
    results["grad"] = std::move(grad);
    lpreg_loss_result result{};
    memory_->download(&result, result_, sizeof result);
    FileTensor loss{"F64", {1}, std::vector<char>(sizeof(double))};
    std::memcpy(loss.bytes.data(), &result.loss, sizeof(double));
    results["loss"] = std::move(loss);
    return results;
  }

  const lpreg_api& api_;
  lpreg_context* context_;
  const BatchCase& source_;
  TensorMemory* memory_;
  const lpreg_call* call_;
  const FileTensor& logits_;
  lpreg_batch batch_{};
  lpreg_token_outputs outputs_{};
  lpreg_loss_result* result_;
  std::map<std::string, std::pair<void*, FileTensor>> fields_;
};

}  // namespace

Results evaluate(const lpreg_api& api, lpreg_context* context, const BatchCase& batch, Path path,
                 TensorMemory* memory, const lpreg_call* call) {
  return Run(api, context, batch, memory, call).evaluate(path);
}

lpreg_context* create_context(const lpreg_api& api, lpreg_backend backend, int64_t staging_bytes) {
  lpreg_context_options options{};
  options.struct_size = sizeof options;
  options.backend = backend;
  options.staging_bytes = staging_bytes;
  lpreg_error error = empty_error();
  lpreg_context* context = nullptr;
  check(api.context_create(&options, &context, &error), error, "context_create");
  return context;
}

}  // namespace lpreg::golden
