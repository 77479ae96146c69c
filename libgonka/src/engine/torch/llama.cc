#include "engine/torch/llama.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <exception>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "engine/kernels/rotary.h"
#include "engine/torch/ops.h"

namespace gonka::engine::torch_internal {

namespace {

// In one block of a size fixed beforehand.
class TorchCache final : public KvCache {
 public:
  std::vector<at::Tensor> keys;    // Of each layer, [K, capacity, D].
  std::vector<at::Tensor> values;  // The same.
  int64_t length = 0;              // Tokens held.
  int64_t capacity = 0;
};

TorchCache& CacheOf(const Piece& piece) {
  return static_cast<TorchCache&>(*piece.cache);
}

// Logits of this many rows exist at a time: 12 MB for a vocabulary of 49,152.
constexpr int64_t kLogitRows = 64;

// What a layer lacks is left undefined: biases but in Qwen2, norms of heads but in Qwen3, and
// either the one feed-forward network or the experts.
struct Layer {
  uint32_t window = 0;                 // Tokens that a token sees; 0: all.
  at::Tensor attn_norm;                // [hidden]
  Matrix qkv;                          // [(H + 2 K) D, hidden]
  at::Tensor qkv_bias;                 // [(H + 2 K) D]
  at::Tensor q_norm;                   // [D]
  at::Tensor k_norm;                   // [D]
  Matrix attn_output;                  // [hidden, H D]
  at::Tensor ffn_norm;                 // [hidden]
  Matrix gate_up;                      // [2 ffn, hidden]
  Matrix down;                         // [hidden, ffn]
  Matrix router;                       // [E, hidden]
  std::vector<Matrix> expert_gate_up;  // E of [2 ffn, hidden]
  std::vector<Matrix> expert_down;     // E of [hidden, ffn]
};

absl::Status FromException(const char* what, const std::exception& error) {
  // c10's messages go on with a stack trace; the first line says it.
  const std::string text = error.what();
  return absl::InternalError(std::string(what) + ": " + text.substr(0, text.find('\n')));
}

// Some rows of a tensor: all of them, or one expert's.
struct Slice {
  std::string name;
  uint64_t part = 0;
  uint64_t parts = 1;
};

// Reads tensors of a checkpoint into libtorch's memory, straight into their final place where the
// precision is fp32.
class Loader {
 public:
  Loader(const model::Checkpoint& checkpoint, const Llama::Options& options)
      : checkpoint_(checkpoint), options_(options) {}

  absl::Status ReadVector(const std::vector<std::string>& names, at::Tensor& out) {
    std::vector<Slice> slices;
    for (const std::string& name : names) slices.push_back({name});
    GONKA_RETURN_IF_ERROR(ReadStacked(slices, at::kFloat, out));
    out = out.flatten();
    return absl::OkStatus();
  }

  absl::Status ReadMatrix(const std::vector<Slice>& slices, Matrix& out) {
    const bool narrow = options_.bf16;
    return ReadStacked(slices, narrow ? at::kBFloat16 : at::kFloat, out.weight);
  }

 private:
  // The slices one below the other: all have the same number of columns, but for vectors, which are
  // rows of any length.
  absl::Status ReadStacked(const std::vector<Slice>& slices, at::ScalarType type, at::Tensor& out) {
    uint64_t values = 0;
    uint64_t rows = 0;
    for (const Slice& slice : slices) {
      const model::TensorInfo* info = checkpoint_.Find(slice.name);
      if (info == nullptr) return absl::NotFoundError("checkpoint has no tensor " + slice.name);
      rows += info->Rows() / slice.parts;
      values += info->Rows() / slice.parts * info->Columns();
    }
    at::Tensor all = at::empty({static_cast<int64_t>(values)}, at::kFloat);
    float* next = all.data_ptr<float>();
    for (const Slice& slice : slices) {
      const model::TensorInfo& info = *checkpoint_.Find(slice.name);
      const uint64_t count = info.Rows() / slice.parts;
      const std::span<float> into(next, count * info.Columns());
      GONKA_RETURN_IF_ERROR(checkpoint_.ReadRows(slice.name, slice.part * count, count, into));
      if (options_.weight_hook) {
        const std::vector<uint64_t> shape =
            info.shape.size() < 2 ? info.shape : std::vector{count, info.Columns()};
        GONKA_RETURN_IF_ERROR(options_.weight_hook(slice.name, shape, into));
      }
      next += into.size();
    }
    const bool vectors = checkpoint_.Find(slices[0].name)->shape.size() == 1;
    if (!vectors) all = all.view({static_cast<int64_t>(rows), -1});
    out = all.to(type);
    return absl::OkStatus();
  }

  const model::Checkpoint& checkpoint_;
  const Llama::Options& options_;
};

absl::Status ReadLayer(Loader& loader, uint32_t index, const model::ModelConfig& config,
                       Layer& layer) {
  const std::string prefix = "blk." + std::to_string(index) + ".";
  const auto name = [&](const char* part) { return prefix + part + ".weight"; };
  layer.window = config.WindowOf(index);
  GONKA_RETURN_IF_ERROR(loader.ReadVector({name("attn_norm")}, layer.attn_norm));
  GONKA_RETURN_IF_ERROR(
      loader.ReadMatrix({{name("attn_q")}, {name("attn_k")}, {name("attn_v")}}, layer.qkv));
  if (config.qkv_bias) {
    GONKA_RETURN_IF_ERROR(loader.ReadVector(
        {prefix + "attn_q.bias", prefix + "attn_k.bias", prefix + "attn_v.bias"}, layer.qkv_bias));
  }
  if (config.qk_norm) {
    GONKA_RETURN_IF_ERROR(loader.ReadVector({name("attn_q_norm")}, layer.q_norm));
    GONKA_RETURN_IF_ERROR(loader.ReadVector({name("attn_k_norm")}, layer.k_norm));
  }
  GONKA_RETURN_IF_ERROR(loader.ReadMatrix({{name("attn_output")}}, layer.attn_output));
  GONKA_RETURN_IF_ERROR(loader.ReadVector({name("ffn_norm")}, layer.ffn_norm));
  const uint32_t experts = config.experts.count;
  if (experts == 0) {
    GONKA_RETURN_IF_ERROR(loader.ReadMatrix({{name("ffn_gate")}, {name("ffn_up")}}, layer.gate_up));
    return loader.ReadMatrix({{name("ffn_down")}}, layer.down);
  }
  GONKA_RETURN_IF_ERROR(loader.ReadMatrix({{name("ffn_gate_inp")}}, layer.router));
  for (uint32_t e = 0; e < experts; ++e) {
    GONKA_RETURN_IF_ERROR(
        loader.ReadMatrix({{name("ffn_gate_exps"), e, experts}, {name("ffn_up_exps"), e, experts}},
                          layer.expert_gate_up.emplace_back()));
    GONKA_RETURN_IF_ERROR(
        loader.ReadMatrix({{name("ffn_down_exps"), e, experts}}, layer.expert_down.emplace_back()));
  }
  return absl::OkStatus();
}

absl::StatusOr<RotaryTable> ReadRotary(const model::Checkpoint& checkpoint, uint32_t context) {
  const model::ModelConfig& config = checkpoint.config();
  std::vector<float> divisors;
  if (config.rope_scaling.type == model::RopeScalingType::kTensor) {
    GONKA_ASSIGN_OR_RETURN(divisors, checkpoint.ReadTensor("rope_freqs.weight"));
  }
  return MakeRotaryTable(kernels::RopeFrequencies(config, divisors),
                         config.rope_scaling.attention_factor, context);
}

// The rows of all pieces under one another.
struct Batch {
  std::vector<uint32_t> ids;
  std::vector<uint32_t> positions;
  std::vector<int64_t> row_begin;  // Of each piece.
};

Batch Stack(std::span<const Piece> pieces) {
  Batch batch;
  for (const Piece& piece : pieces) {
    batch.row_begin.push_back(static_cast<int64_t>(batch.ids.size()));
    batch.ids.insert(batch.ids.end(), piece.tokens.begin(), piece.tokens.end());
    for (size_t i = 0; i < piece.tokens.size(); ++i) {
      batch.positions.push_back(static_cast<uint32_t>(CacheOf(piece).length) +
                                static_cast<uint32_t>(i));
    }
  }
  return batch;
}

}  // namespace

struct Llama::Weights {
  model::ModelConfig config;
  HeadLayout heads;
  RotaryTable rotary;
  Matrix embedding;  // [vocab, hidden]
  std::vector<Layer> layers;
  at::Tensor output_norm;  // [hidden]
  Matrix output;           // [vocab, hidden]; the embedding itself where the two are tied

  void AddExperts(at::Tensor& x, const at::Tensor& normed, const Layer& layer) const;
  // Of the last layer, [R, hidden].
  at::Tensor HiddenStates(std::span<const Piece> pieces, const Batch& batch) const;
  void Logits(const at::Tensor& hidden, std::span<const Piece> pieces, const Batch& batch,
              const OnLogits& on_logits) const;
};

// R rows, one for each token of all pieces; H heads, K key heads, D numbers each.
at::Tensor Llama::Weights::HiddenStates(std::span<const Piece> pieces, const Batch& batch) const {
  // Masks are the same in all layers that look equally far back.
  std::map<uint32_t, std::vector<AttentionPiece>> by_window;
  for (const Layer& layer : layers) {
    std::vector<AttentionPiece>& attention = by_window[layer.window];
    if (!attention.empty()) continue;
    for (size_t p = 0; p < pieces.size(); ++p) {
      attention.push_back(SeeBack(batch.row_begin[p], static_cast<int64_t>(pieces[p].tokens.size()),
                                  CacheOf(pieces[p]).length, layer.window, heads.group()));
    }
  }
  const auto row_count = static_cast<int64_t>(batch.ids.size());
  at::Tensor mixed = at::empty({row_count, heads.heads * heads.head_dim}, at::kFloat);

  at::Tensor x = TakeRows(embedding.weight, batch.ids);  // [R, hidden]
  for (size_t l = 0; l < layers.size(); ++l) {
    const Layer& layer = layers[l];
    at::Tensor qkv = Linear(RmsNorm(x, layer.attn_norm, config.rms_eps), layer.qkv);
    if (layer.qkv_bias.defined()) qkv.add_(layer.qkv_bias);  // [R, (H + 2 K) D]
    if (layer.q_norm.defined()) NormHeads(qkv, layer.q_norm, layer.k_norm, config.rms_eps, heads);
    Rotate(qkv, batch.positions, rotary, heads);
    std::vector<AttentionPiece>& attention = by_window[layer.window];
    for (size_t p = 0; p < pieces.size(); ++p) {
      attention[p].keys = CacheOf(pieces[p]).keys[l];
      attention[p].values = CacheOf(pieces[p]).values[l];
      Attend(qkv, attention[p], heads, mixed);  // [R, H D]
    }
    AddLinear(x, mixed, layer.attn_output);  // [R, hidden]

    const at::Tensor normed = RmsNorm(x, layer.ffn_norm, config.rms_eps);
    if (layer.router.weight.defined()) {
      AddExperts(x, normed, layer);
    } else {
      const at::Tensor gate_up = Linear(normed, layer.gate_up);
      AddLinear(x, SwiGlu(gate_up), layer.down);  // [R, 2 ffn] -> [R, ffn] -> [R, hidden]
    }
  }
  return x;
}

// Each token passes the experts that its router likes best. n of the R rows come to one of them.
void Llama::Weights::AddExperts(at::Tensor& x, const at::Tensor& normed, const Layer& layer) const {
  const std::vector<ExpertRows> chosen =
      ChooseExperts(Linear(normed, layer.router), config.experts);  // [R, E]
  for (size_t e = 0; e < chosen.size(); ++e) {
    if (chosen[e].rows.empty()) continue;
    const at::Tensor rows = TakeRows(normed, chosen[e].rows);  // [n, hidden]
    const at::Tensor gate_up = Linear(rows, layer.expert_gate_up[e]);
    AddRows(x, Linear(SwiGlu(gate_up), layer.expert_down[e]), chosen[e]);
  }
}

void Llama::Weights::Logits(const at::Tensor& hidden, std::span<const Piece> pieces,
                            const Batch& batch, const OnLogits& on_logits) const {
  struct Wanted {
    size_t piece;
    size_t row;
  };
  std::vector<Wanted> wanted;
  std::vector<uint32_t> rows;  // Of hidden.
  for (size_t p = 0; p < pieces.size(); ++p) {
    for (size_t r = pieces[p].logits_begin; r < pieces[p].tokens.size(); ++r) {
      wanted.push_back({p, r});
      rows.push_back(static_cast<uint32_t>(batch.row_begin[p]) + static_cast<uint32_t>(r));
    }
  }
  for (size_t begin = 0; begin < rows.size(); begin += kLogitRows) {
    const size_t count = std::min(rows.size() - begin, static_cast<size_t>(kLogitRows));
    const at::Tensor last =
        TakeRows(hidden, std::span(rows).subspan(begin, count));  // [count, hidden]
    const at::Tensor logits = Linear(RmsNorm(last, output_norm, config.rms_eps), output);
    const float* data = logits.data_ptr<float>();  // [count, vocab]
    for (size_t i = 0; i < count; ++i) {
      const Wanted& row = wanted[begin + i];
      on_logits(row.piece, row.row, {data + i * config.vocab, config.vocab});
    }
  }
}

Llama::Llama(std::unique_ptr<Weights> weights) : weights_(std::move(weights)) {}
Llama::~Llama() = default;

absl::StatusOr<std::unique_ptr<ForwardPass>> Llama::Load(const model::Checkpoint& checkpoint,
                                                         const Options& options) {
  try {
    const c10::InferenceMode inference;
    at::set_num_threads(static_cast<int>(options.threads));
    auto weights = std::make_unique<Weights>();
    const model::ModelConfig& config = checkpoint.config();
    weights->config = config;
    weights->heads = {.heads = config.heads,
                      .kv_heads = config.kv_heads,
                      .head_dim = config.head_dim,
                      .rope_style = config.rope_style};
    GONKA_ASSIGN_OR_RETURN(weights->rotary, ReadRotary(checkpoint, options.context));
    Loader loader(checkpoint, options);
    GONKA_RETURN_IF_ERROR(loader.ReadMatrix({{"token_embd.weight"}}, weights->embedding));
    for (uint32_t l = 0; l < config.layers; ++l) {
      if (options.layer_filter && !options.layer_filter(l)) continue;
      GONKA_RETURN_IF_ERROR(ReadLayer(loader, l, config, weights->layers.emplace_back()));
    }
    GONKA_RETURN_IF_ERROR(loader.ReadVector({"output_norm.weight"}, weights->output_norm));
    weights->output = weights->embedding;
    if (!config.tied_embeddings) {
      GONKA_RETURN_IF_ERROR(loader.ReadMatrix({{"output.weight"}}, weights->output));
    }
    return std::unique_ptr<ForwardPass>(new Llama(std::move(weights)));
  } catch (const std::exception& error) {
    return FromException("loading the weights failed", error);
  }
}

uint64_t Llama::KvBytes(size_t tokens) const {
  const HeadLayout& heads = weights_->heads;
  return tokens * 2 * sizeof(float) * weights_->layers.size() *
         static_cast<uint64_t>(heads.kv_heads * heads.head_dim);
}

absl::StatusOr<std::unique_ptr<KvCache>> Llama::NewCache(size_t tokens) {
  try {
    const c10::InferenceMode inference;
    auto cache = std::make_unique<TorchCache>();
    cache->capacity = static_cast<int64_t>(tokens);
    const HeadLayout& heads = weights_->heads;
    for (size_t l = 0; l < weights_->layers.size(); ++l) {
      for (auto* side : {&cache->keys, &cache->values}) {
        side->push_back(at::empty({heads.kv_heads, cache->capacity, heads.head_dim}, at::kFloat));
      }
    }
    return cache;
  } catch (const std::exception& error) {
    return FromException("no memory for a KV cache", error);
  }
}

absl::Status Llama::Forward(std::span<const Piece> pieces, const OnLogits& on_logits) {
  for (const Piece& piece : pieces) {
    GONKA_CHECK(!piece.tokens.empty());
    GONKA_CHECK(CacheOf(piece).length + static_cast<int64_t>(piece.tokens.size()) <=
                CacheOf(piece).capacity);
  }
  try {
    const c10::InferenceMode inference;
    const Batch batch = Stack(pieces);
    const at::Tensor hidden = weights_->HiddenStates(pieces, batch);
    for (const Piece& piece : pieces) {
      CacheOf(piece).length += static_cast<int64_t>(piece.tokens.size());
    }
    weights_->Logits(hidden, pieces, batch, on_logits);
    return absl::OkStatus();
  } catch (const std::exception& error) {
    return FromException("the forward pass failed", error);
  }
}

}  // namespace gonka::engine::torch_internal
