#pragma once

// A model as it lies on disk: config, tokenizer, chat template and tensors, whatever the format: a
// GGUF file, or a Hugging Face folder (config.json, model.safetensors or its shards and their index,
// tokenizer.json or tokenizer.model, tokenizer_config.json, chat_template.jinja, generation_config.json).
// Opening is cheap (files are mapped, no tensor is read), so that a network node, which needs only
// tokenizer, template and manifest, may open the same path as an ML node.
//
// Tensors have llama.cpp's names and order, and shapes with the outermost dimension first. For L
// layers (H heads of D, K kv heads, E experts; all matrices [out, in]):
//   token_embd.weight [vocab, hidden]      output.weight [vocab, hidden], absent if tied
//   output_norm.weight [hidden]            rope_freqs.weight [D/2], see RopeScalingType::kTensor
//   blk.N.attn_norm.weight [hidden]        blk.N.ffn_norm.weight [hidden]
//   blk.N.attn_q.weight [H*D, hidden]      blk.N.attn_output.weight [hidden, H*D]
//   blk.N.attn_k.weight [K*D, hidden]      blk.N.attn_v.weight [K*D, hidden]
//   blk.N.attn_{q,k,v}.bias                with qkv_bias
//   blk.N.attn_{q,k}_norm.weight [D]       with qk_norm
//   blk.N.ffn_gate.weight [ffn, hidden]    blk.N.ffn_up.weight [ffn, hidden]
//   blk.N.ffn_down.weight [hidden, ffn]    or, with experts,
//   blk.N.ffn_gate_inp.weight [E, hidden]  blk.N.ffn_{gate,up}_exps.weight [E, ffn, hidden]
//                                          blk.N.ffn_down_exps.weight [E, hidden, ffn]
// In a folder, experts lie apart and the rows of Llama's queries and keys are in the order of
// RopeStyle::kHalves; both are brought into this form as they are read.
//
// Immutable once open; any number of threads may read. Weights that are no numbers are found when
// ReadRows or ReadTensor meets them, that is, when an engine loads them. A file that is cut short
// while it is open makes these reads fail with DataLoss.

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

class ModelFolder;
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
  // path is a .gguf file or a folder. Refuses one whose tensors are not exactly those of its config,
  // by name and shape; the config comes first.
  static absl::StatusOr<std::shared_ptr<const Checkpoint>> Open(const std::string& path);
  static absl::StatusOr<std::shared_ptr<const Checkpoint>> FromGguf(
      std::shared_ptr<const Gguf> gguf);
  ~Checkpoint();

  const std::string& path() const { return path_; }
  // All files that it consists of, ascending.
  const std::vector<std::string>& files() const { return files_; }
  const ModelConfig& config() const { return config_; }
  // Jinja source; empty where the checkpoint has none (a base model).
  const std::string& chat_template() const { return chat_template_; }
  // Builds the tokenizer: tens of milliseconds, so keep the result.
  absl::StatusOr<std::shared_ptr<const Tokenizer>> LoadTokenizer() const;
  absl::StatusOr<TokenizerSpec> ReadTokenizerSpec() const;

  const std::vector<TensorInfo>& tensors() const { return tensors_; }  // Ascending by name.
  const TensorInfo* Find(std::string_view name) const;
  // Bytes of the whole tensor as stored, in the order given above: Rows() rows of equal length.
  uint64_t RawSize(const TensorInfo& tensor) const;
  // A copy of rows as stored: the basis of the manifest, and of engines that keep narrow weights.
  absl::Status ReadRawRows(std::string_view name, uint64_t row_begin, uint64_t row_count,
                           std::span<uint8_t> out) const;
  // The whole tensor as fp32, row-major. DataLoss where an element is infinite or NaN, naming it.
  absl::StatusOr<std::vector<float>> ReadTensor(std::string_view name) const;
  // Rows [row_begin, row_begin + row_count); out has exactly row_count * Columns() elements.
  absl::Status ReadRows(std::string_view name, uint64_t row_begin, uint64_t row_count,
                        std::span<float> out) const;

 private:
  struct Source;  // Where the bytes of a tensor are.
  Checkpoint();
  static absl::StatusOr<std::shared_ptr<const Checkpoint>> FromFolder(const std::string& path);
  absl::StatusOr<size_t> IndexOf(std::string_view name) const;

  std::string path_;
  std::vector<std::string> files_;
  std::shared_ptr<const Gguf> gguf_;  // Either this or the folder.
  std::shared_ptr<const ModelFolder> folder_;
  ModelConfig config_;
  std::string chat_template_;
  std::vector<TensorInfo> tensors_;
  std::vector<Source> sources_;  // Of each tensor.
};

}  // namespace gonka::model
