#include "engine/torch/llama.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include "engine/torch/ops.h"

namespace gonka::engine::torch_internal {

class KvCache {
 public:
  std::vector<at::Tensor> keys;    // Of each layer, [K, capacity, D].
  std::vector<at::Tensor> values;  // The same.
  int64_t length = 0;              // Tokens held.
  int64_t capacity = 0;
};

void KvCacheDeleter::operator()(KvCache* cache) const {
  delete cache;
}

namespace {

// Logits of this many rows exist at a time: 12 MB for a vocabulary of 49,152.
constexpr int64_t kLogitRows = 64;

struct Layer {
  at::Tensor attn_norm;  // [hidden]
  Matrix qkv;            // [(H + 2 K) D, hidden]
  Matrix attn_output;    // [hidden, H D]
  at::Tensor ffn_norm;   // [hidden]
  Matrix gate_up;        // [2 ffn, hidden]
  Matrix down;           // [hidden, ffn]
};

absl::Status FromException(const char* what, const std::exception& error) {
  // c10's messages go on with a stack trace; the first line says it.
  const std::string text = error.what();
  return absl::InternalError(std::string(what) + ": " + text.substr(0, text.find('\n')));
}

// Reads tensors of a checkpoint into libtorch's memory, straight into their final place where the
// precision is fp32.
class Loader {
 public:
  Loader(const model::Checkpoint& checkpoint, const Llama::Options& options)
      : checkpoint_(checkpoint), options_(options) {}

  absl::Status ReadVector(const std::string& name, at::Tensor& out) {
    return ReadStacked({name}, at::kFloat, out);
  }

  absl::Status ReadMatrix(const std::vector<std::string>& names, Matrix& out) {
    const bool narrow = options_.precision == Precision::kBf16;
    return ReadStacked(names, narrow ? at::kBFloat16 : at::kFloat, out.weight);
  }

 private:
  // The tensors one below the other: all have the same number of columns.
  absl::Status ReadStacked(const std::vector<std::string>& names, at::ScalarType type,
                           at::Tensor& out) {
    std::vector<const model::TensorInfo*> parts;
    int64_t rows = 0;
    for (const std::string& name : names) {
      const model::TensorInfo* part = checkpoint_.Find(name);
      if (part == nullptr) return absl::NotFoundError("checkpoint has no tensor " + name);
      parts.push_back(part);
      rows += static_cast<int64_t>(part->Rows());
    }
    const auto columns = static_cast<int64_t>(parts[0]->Columns());
    at::Tensor all = at::empty({rows, columns}, at::kFloat);
    float* next = all.data_ptr<float>();
    for (const model::TensorInfo* part : parts) {
      const std::span<float> values(next, part->Rows() * part->Columns());
      GONKA_RETURN_IF_ERROR(checkpoint_.ReadRows(part->name, 0, part->Rows(), values));
      if (options_.weight_hook) {
        GONKA_RETURN_IF_ERROR(options_.weight_hook(part->name, part->shape, values));
      }
      next += values.size();
    }
    if (parts[0]->shape.size() == 1) all = all.view({columns});
    out = all.to(type);
    return absl::OkStatus();
  }

  const model::Checkpoint& checkpoint_;
  const Llama::Options& options_;
};

absl::Status ReadLayer(Loader& loader, uint32_t index, Layer& layer) {
  const std::string prefix = "blk." + std::to_string(index) + ".";
  const auto name = [&](const char* part) { return prefix + part + ".weight"; };
  GONKA_RETURN_IF_ERROR(loader.ReadVector(name("attn_norm"), layer.attn_norm));
  GONKA_RETURN_IF_ERROR(
      loader.ReadMatrix({name("attn_q"), name("attn_k"), name("attn_v")}, layer.qkv));
  GONKA_RETURN_IF_ERROR(loader.ReadMatrix({name("attn_output")}, layer.attn_output));
  GONKA_RETURN_IF_ERROR(loader.ReadVector(name("ffn_norm"), layer.ffn_norm));
  GONKA_RETURN_IF_ERROR(loader.ReadMatrix({name("ffn_gate"), name("ffn_up")}, layer.gate_up));
  return loader.ReadMatrix({name("ffn_down")}, layer.down);
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
      batch.positions.push_back(static_cast<uint32_t>(piece.cache->length) +
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

  // Of the last layer, [R, hidden].
  at::Tensor HiddenStates(std::span<const Piece> pieces, const Batch& batch) const;
  void Logits(const at::Tensor& hidden, std::span<const Piece> pieces, const Batch& batch,
              const OnLogits& on_logits) const;
};

// R rows, one for each token of all pieces; H heads, K key heads, D numbers each.
at::Tensor Llama::Weights::HiddenStates(std::span<const Piece> pieces, const Batch& batch) const {
  std::vector<AttentionPiece> attention;
  for (size_t p = 0; p < pieces.size(); ++p) {
    const auto rows = static_cast<int64_t>(pieces[p].tokens.size());
    const int64_t past = pieces[p].cache->length;
    attention.push_back({.row_begin = batch.row_begin[p],
                         .rows = rows,
                         .past = past,
                         .keys = {},
                         .values = {},
                         .mask = rows == 1 ? at::Tensor() : CausalMask(rows, past, heads.group())});
  }
  const auto row_count = static_cast<int64_t>(batch.ids.size());
  at::Tensor mixed = at::empty({row_count, heads.heads * heads.head_dim}, at::kFloat);

  at::Tensor x = TakeRows(embedding.weight, batch.ids);  // [R, hidden]
  for (size_t l = 0; l < layers.size(); ++l) {
    const Layer& layer = layers[l];
    at::Tensor qkv = Linear(RmsNorm(x, layer.attn_norm, config.rms_eps), layer.qkv);
    Rotate(qkv, batch.positions, rotary, heads);  // [R, (H + 2 K) D]
    for (size_t p = 0; p < pieces.size(); ++p) {
      attention[p].keys = pieces[p].cache->keys[l];
      attention[p].values = pieces[p].cache->values[l];
      Attend(qkv, attention[p], heads, mixed);  // [R, H D]
    }
    AddLinear(x, mixed, layer.attn_output);  // [R, hidden]

    const at::Tensor gate_up = Linear(RmsNorm(x, layer.ffn_norm, config.rms_eps), layer.gate_up);
    AddLinear(x, SwiGlu(gate_up), layer.down);  // [R, 2 ffn] -> [R, ffn] -> [R, hidden]
  }
  return x;
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

const char* Llama::KernelClass(Precision precision) {
  return precision == Precision::kFp32 ? "torch-cpu-fp32/1" : "torch-cpu-bf16/1";
}

absl::StatusOr<std::unique_ptr<Llama>> Llama::Load(const model::Checkpoint& checkpoint,
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
    weights->rotary = MakeRotaryTable(config, options.context);
    Loader loader(checkpoint, options);
    GONKA_RETURN_IF_ERROR(loader.ReadMatrix({"token_embd.weight"}, weights->embedding));
    for (uint32_t l = 0; l < config.layers; ++l) {
      if (options.layer_filter && !options.layer_filter(l)) continue;
      GONKA_RETURN_IF_ERROR(ReadLayer(loader, l, weights->layers.emplace_back()));
    }
    GONKA_RETURN_IF_ERROR(loader.ReadVector("output_norm.weight", weights->output_norm));
    weights->output = weights->embedding;
    if (!config.tied_embeddings) {
      GONKA_RETURN_IF_ERROR(loader.ReadMatrix({"output.weight"}, weights->output));
    }
    return std::unique_ptr<Llama>(new Llama(std::move(weights)));
  } catch (const std::exception& error) {
    return FromException("loading the weights failed", error);
  }
}

uint64_t Llama::KvBytesPerToken() const {
  const HeadLayout& heads = weights_->heads;
  return 2 * sizeof(float) * weights_->layers.size() *
         static_cast<uint64_t>(heads.kv_heads * heads.head_dim);
}

absl::StatusOr<KvCachePtr> Llama::NewCache(size_t tokens) {
  try {
    const c10::InferenceMode inference;
    KvCachePtr cache(new KvCache);
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
    GONKA_CHECK(piece.cache->length + static_cast<int64_t>(piece.tokens.size()) <=
                piece.cache->capacity);
  }
  try {
    const c10::InferenceMode inference;
    const Batch batch = Stack(pieces);
    const at::Tensor hidden = weights_->HiddenStates(pieces, batch);
    for (const Piece& piece : pieces) {
      piece.cache->length += static_cast<int64_t>(piece.tokens.size());
    }
    weights_->Logits(hidden, pieces, batch, on_logits);
    return absl::OkStatus();
  } catch (const std::exception& error) {
    return FromException("the forward pass failed", error);
  }
}

}  // namespace gonka::engine::torch_internal
