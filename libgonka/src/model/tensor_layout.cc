#include "tensor_layout.h"

#include <algorithm>

#include "fmt/format.h"

namespace gonka::model {
namespace {

class Planner {
 public:
  explicit Planner(const ModelConfig& config) : config_(config) {}

  std::vector<TensorPlan> Plan() {
    const uint64_t hidden = config_.hidden;
    Add("token_embd.weight", {config_.vocab, hidden}, {"model.embed_tokens.weight"});
    Add("output_norm.weight", {hidden}, {"model.norm.weight"});
    if (!config_.tied_embeddings) {
      Add("output.weight", {config_.vocab, hidden}, {"lm_head.weight"});
    }
    if (config_.rope_scaling.type == RopeScalingType::kTensor) {
      Add("rope_freqs.weight", {config_.head_dim / 2}, {});
    }
    for (layer_ = 0; layer_ < config_.layers; ++layer_) {
      AddAttention();
      if (config_.experts.count == 0) {
        AddFeedForward();
      } else {
        AddExperts();
      }
    }
    std::sort(plans_.begin(), plans_.end(),
              [](const TensorPlan& a, const TensorPlan& b) { return a.name < b.name; });
    return std::move(plans_);
  }

 private:
  using Shape = std::vector<uint64_t>;

  void Add(std::string name, Shape shape, std::vector<std::string> sources, uint32_t heads = 0) {
    plans_.push_back({std::move(name), std::move(shape), std::move(sources), heads});
  }
  void AddToLayer(const char* name, Shape shape, const char* source, uint32_t heads = 0) {
    Add(fmt::format("blk.{}.{}", layer_, name), std::move(shape),
        {fmt::format("model.layers.{}.{}", layer_, source)}, heads);
  }

  void AddAttention() {
    const uint64_t hidden = config_.hidden;
    const uint64_t queries = uint64_t{config_.heads} * config_.head_dim;
    const uint64_t keys = uint64_t{config_.kv_heads} * config_.head_dim;
    const bool pairs = config_.rope_style == RopeStyle::kInterleavedPairs;
    const uint32_t q_heads = pairs ? config_.heads : 0;
    const uint32_t k_heads = pairs ? config_.kv_heads : 0;
    AddToLayer("attn_norm.weight", {hidden}, "input_layernorm.weight");
    AddToLayer("attn_q.weight", {queries, hidden}, "self_attn.q_proj.weight", q_heads);
    AddToLayer("attn_k.weight", {keys, hidden}, "self_attn.k_proj.weight", k_heads);
    AddToLayer("attn_v.weight", {keys, hidden}, "self_attn.v_proj.weight");
    if (config_.qkv_bias) {
      AddToLayer("attn_q.bias", {queries}, "self_attn.q_proj.bias");
      AddToLayer("attn_k.bias", {keys}, "self_attn.k_proj.bias");
      AddToLayer("attn_v.bias", {keys}, "self_attn.v_proj.bias");
    }
    if (config_.qk_norm) {
      AddToLayer("attn_q_norm.weight", {config_.head_dim}, "self_attn.q_norm.weight");
      AddToLayer("attn_k_norm.weight", {config_.head_dim}, "self_attn.k_norm.weight");
    }
    AddToLayer("attn_output.weight", {hidden, queries}, "self_attn.o_proj.weight");
    AddToLayer("ffn_norm.weight", {hidden}, "post_attention_layernorm.weight");
  }

  void AddFeedForward() {
    AddToLayer("ffn_gate.weight", {config_.ffn, config_.hidden}, "mlp.gate_proj.weight");
    AddToLayer("ffn_up.weight", {config_.ffn, config_.hidden}, "mlp.up_proj.weight");
    AddToLayer("ffn_down.weight", {config_.hidden, config_.ffn}, "mlp.down_proj.weight");
  }

  // Mixtral and Qwen name the same things differently.
  void AddExperts() {
    const uint64_t count = config_.experts.count;
    const bool mixtral = config_.architecture == "llama";
    AddToLayer("ffn_gate_inp.weight", {count, config_.hidden},
               mixtral ? "block_sparse_moe.gate.weight" : "mlp.gate.weight");
    const auto add = [&](const char* name, Shape shape, const char* of_mixtral,
                         const char* of_qwen) {
      std::vector<std::string> sources;
      for (uint64_t e = 0; e < count; ++e) {
        sources.push_back(fmt::format("model.layers.{}.{}.experts.{}.{}.weight", layer_,
                                      mixtral ? "block_sparse_moe" : "mlp", e,
                                      mixtral ? of_mixtral : of_qwen));
      }
      Add(fmt::format("blk.{}.{}.weight", layer_, name), std::move(shape), std::move(sources));
    };
    add("ffn_gate_exps", {count, config_.ffn, config_.hidden}, "w1", "gate_proj");
    add("ffn_up_exps", {count, config_.ffn, config_.hidden}, "w3", "up_proj");
    add("ffn_down_exps", {count, config_.hidden, config_.ffn}, "w2", "down_proj");
  }

  const ModelConfig& config_;
  uint32_t layer_ = 0;
  std::vector<TensorPlan> plans_;
};

}  // namespace

std::vector<TensorPlan> PlanTensors(const ModelConfig& config) {
  return Planner(config).Plan();
}

}  // namespace gonka::model
