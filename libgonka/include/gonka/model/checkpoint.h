#pragma once

// A model as it lies on disk: config, tokenizer, chat template and tensors, whatever the format.
// Opening is cheap (the file is mapped, no tensor is read), so that a network node, which needs
// only tokenizer, template and manifest, may open the same path as an ML node.
//
// Tensors have llama.cpp's names, and shapes with the outermost dimension first. For a Llama of L
// layers (H heads of D, K kv heads, all matrices [out, in]):
//   token_embd.weight [vocab, hidden]      output.weight [vocab, hidden], absent if tied
//   output_norm.weight [hidden]
//   blk.N.attn_norm.weight [hidden]        blk.N.ffn_norm.weight [hidden]
//   blk.N.attn_q.weight [H*D, hidden]      blk.N.attn_output.weight [hidden, H*D]
//   blk.N.attn_k.weight [K*D, hidden]      blk.N.attn_v.weight [K*D, hidden]
//   blk.N.ffn_gate.weight [ffn, hidden]    blk.N.ffn_up.weight [ffn, hidden]
//   blk.N.ffn_down.weight [hidden, ffn]
//
// Immutable once open; any number of threads may read.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gonka/base/bytes.h"
#include "gonka/base/status.h"
#include "gonka/model/config.h"
#include "gonka/model/gguf.h"

namespace gonka::model {

class Tokenizer;
struct TokenizerSpec;

struct TensorInfo {
  std::string name;
  std::vector<uint64_t> shape;  // Outermost first.
  TensorType type = TensorType::kF32;

  uint64_t Rows() const;     // Product of all dimensions but the last.
  uint64_t Columns() const;  // The last dimension.
};

class Checkpoint {
 public:
  // path is a .gguf file. (Hugging Face folders will come here too and are refused until then.)
  // Refuses a file whose tensors are not exactly those of its config, by name and shape.
  static absl::StatusOr<std::shared_ptr<const Checkpoint>> Open(const std::string& path);
  static absl::StatusOr<std::shared_ptr<const Checkpoint>> FromGguf(
      std::shared_ptr<const Gguf> gguf);

  const std::string& path() const { return gguf_->path(); }
  const ModelConfig& config() const { return config_; }
  // Jinja source; empty where the checkpoint has none (a base model).
  const std::string& chat_template() const { return chat_template_; }
  // Builds the tokenizer: tens of milliseconds, so keep the result.
  absl::StatusOr<std::shared_ptr<const Tokenizer>> LoadTokenizer() const;
  absl::StatusOr<TokenizerSpec> ReadTokenizerSpec() const;

  const std::vector<TensorInfo>& tensors() const { return tensors_; }  // Ascending by name.
  const TensorInfo* Find(std::string_view name) const;
  // As stored: the basis of the manifest, and of engines that keep narrow weights.
  absl::StatusOr<ByteSpan> RawBytes(std::string_view name) const;
  // The whole tensor as fp32, row-major.
  absl::StatusOr<std::vector<float>> ReadTensor(std::string_view name) const;
  // Rows [row_begin, row_begin + row_count); out has exactly row_count * Columns() elements.
  absl::Status ReadRows(std::string_view name, uint64_t row_begin, uint64_t row_count,
                        std::span<float> out) const;

 private:
  Checkpoint() = default;

  std::shared_ptr<const Gguf> gguf_;
  ModelConfig config_;
  std::string chat_template_;
  std::vector<TensorInfo> tensors_;
};

}  // namespace gonka::model
