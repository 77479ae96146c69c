#include "gonka/model/convert.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "fmt/format.h"
#include "gguf_writer.h"
#include "gonka/model/manifest.h"
#include "gonka/model/quantize.h"
#include "gonka/model/tokenizer.h"

namespace gonka::model {
namespace {

constexpr uint64_t kChunkValues = 1 << 20;
constexpr const char* kPreTokenizerNames[] = {"gpt-2", "smollm", "llama-bpe", "qwen2"};

absl::Status Unsayable(const Checkpoint& checkpoint, std::string_view what) {
  return absl::InvalidArgumentError(
      fmt::format("{}: GGUF has no words for {}", checkpoint.path(), what));
}

// What llama.cpp multiplies by its own factor, so that the product is ours to the bit.
float AttnFactor(const RopeScaling& scaling) {
  const double own = 0.1 * std::log(double{scaling.factor}) + 1;
  const auto middle = static_cast<float>(scaling.attention_factor / own);
  for (const float factor :
       {middle, std::nextafter(middle, 2 * middle), std::nextafter(middle, 0.0F)}) {
    if (static_cast<float>(own * factor) == scaling.attention_factor) return factor;
  }
  return middle;  // Then the comparison refuses it.
}

absl::Status PutRope(const Checkpoint& checkpoint, const std::string& prefix, GgufWriter& out) {
  const RopeScaling& scaling = checkpoint.config().rope_scaling;
  switch (scaling.type) {
    case RopeScalingType::kNone:
    case RopeScalingType::kTensor:
      return absl::OkStatus();
    case RopeScalingType::kLlama3:
      return Unsayable(checkpoint, "rope_scaling of type llama3");
    case RopeScalingType::kLinear:
      out.String(prefix + "rope.scaling.type", "linear");
      out.Float(prefix + "rope.scaling.factor", scaling.factor);
      return absl::OkStatus();
    case RopeScalingType::kYarn:
      out.String(prefix + "rope.scaling.type", "yarn");
      out.Float(prefix + "rope.scaling.factor", scaling.factor);
      out.Uint(prefix + "rope.scaling.original_context_length", scaling.original_context);
      out.Float(prefix + "rope.scaling.yarn_beta_fast", scaling.beta_fast);
      out.Float(prefix + "rope.scaling.yarn_beta_slow", scaling.beta_slow);
      out.Float(prefix + "rope.scaling.attn_factor", AttnFactor(scaling));
      return absl::OkStatus();
  }
  return absl::OkStatus();
}

// What ConfigFromGguf reads.
absl::Status PutConfig(const Checkpoint& checkpoint, GgufWriter& out) {
  const ModelConfig& config = checkpoint.config();
  const std::string prefix = config.architecture + ".";
  out.String("general.architecture", config.architecture);
  if (!config.name.empty()) out.String("general.name", config.name);
  out.Uint("general.quantization_version", 2);
  out.Uint(prefix + "block_count", config.layers);
  out.Uint(prefix + "context_length", config.context);
  out.Uint(prefix + "embedding_length", config.hidden);
  out.Uint(prefix + "feed_forward_length", config.ffn);
  out.Uint(prefix + "vocab_size", config.vocab);
  out.Uint(prefix + "attention.head_count", config.heads);
  out.Uint(prefix + "attention.head_count_kv", config.kv_heads);
  out.Uint(prefix + "attention.key_length", config.head_dim);
  out.Uint(prefix + "attention.value_length", config.head_dim);
  out.Uint(prefix + "rope.dimension_count", config.head_dim);
  out.Float(prefix + "attention.layer_norm_rms_epsilon", config.rms_eps);
  out.Float(prefix + "rope.freq_base", config.rope_theta);
  if (config.sliding_window > 0) {
    out.Uint(prefix + "attention.sliding_window", config.sliding_window);
  }
  if (config.experts.count > 0) {
    out.Uint(prefix + "expert_count", config.experts.count);
    out.Uint(prefix + "expert_used_count", config.experts.used);
    out.Uint(prefix + "expert_feed_forward_length", config.ffn);
    out.Bool(prefix + "expert_weights_norm", config.experts.normalized);
  }
  return PutRope(checkpoint, prefix, out);
}

void PutPieces(const TokenizerSpec& spec, GgufWriter& out) {
  out.String("tokenizer.ggml.model", "llama");
  out.Floats("tokenizer.ggml.scores", spec.scores);
  out.Bool("tokenizer.ggml.add_space_prefix", spec.rules.prefix == SpacePrefix::kEach);
  out.Bool("tokenizer.ggml.remove_extra_whitespaces", spec.rules.trim_spaces);
  if (spec.rules.unknown) out.Uint("tokenizer.ggml.unknown_token_id", *spec.rules.unknown);
}

// What TokenizerSpecFromGguf reads.
absl::Status PutTokenizer(const Checkpoint& checkpoint, const TokenizerSpec& spec,
                          GgufWriter& out) {
  if (spec.model == TokenizerModel::kScoredPieces) {
    PutPieces(spec, out);
  } else if (spec.model == TokenizerModel::kBytePairs) {
    out.String("tokenizer.ggml.model", "gpt2");
    out.String("tokenizer.ggml.pre", kPreTokenizerNames[static_cast<size_t>(spec.pre_tokenizer)]);
    out.Strings("tokenizer.ggml.merges", spec.merges);
  } else {
    return Unsayable(checkpoint, "a tokenizer of this model");
  }
  out.Strings("tokenizer.ggml.tokens", spec.tokens);
  std::vector<int32_t> kinds;
  for (const TokenKind kind : spec.kinds) kinds.push_back(static_cast<int32_t>(kind));
  out.Ints("tokenizer.ggml.token_type", kinds);
  if (spec.bos) out.Uint("tokenizer.ggml.bos_token_id", *spec.bos);
  if (spec.eos) out.Uint("tokenizer.ggml.eos_token_id", *spec.eos);
  // It has two more places for what ends an answer.
  const char* places[] = {"tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"};
  size_t place = 0;
  for (const uint32_t id : spec.end_ids) {
    if (spec.eos != id && place < std::size(places)) out.Uint(places[place++], id);
  }
  out.Bool("tokenizer.ggml.add_bos_token", spec.add_bos);
  const std::string& source = checkpoint.chat_template();
  if (!source.empty()) out.String("tokenizer.chat_template", source);
  return absl::OkStatus();
}

// Norms and biases are small and the choice of experts is delicate: they stay.
absl::StatusOr<TensorType> TypeOf(const TensorInfo& tensor, const ConvertOptions& options) {
  const bool is_matrix =
      tensor.shape.size() > 1 && tensor.name.find("ffn_gate_inp") == std::string::npos;
  if (!options.type || !is_matrix) return tensor.type;
  if (tensor.Columns() % BlockOf(*options.type).values != 0) {
    return absl::InvalidArgumentError(fmt::format(
        "tensor {} has {} columns, type {} has blocks of {}", tensor.name, tensor.Columns(),
        TensorTypeName(*options.type), BlockOf(*options.type).values));
  }
  return *options.type;
}

class File {
 public:
  File(const std::string& path, const ConvertOptions& options, uint64_t total)
      : out_(path, std::ios::binary | std::ios::trunc), options_(options), total_(total) {}

  void Put(std::span<const uint8_t> bytes) {
    out_.write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
    done_ += bytes.size();
    if (options_.progress) options_.progress(done_, total_);
  }
  void Pad() { Put(Bytes(GgufWriter::Padded(done_) - done_)); }
  bool Close() {
    out_.close();
    return out_.good();
  }

 private:
  std::ofstream out_;
  const ConvertOptions& options_;
  const uint64_t total_;
  uint64_t done_ = 0;
};

absl::Status PutTensor(const Checkpoint& checkpoint, const TensorInfo& from, TensorType type,
                       File& file) {
  const uint64_t columns = from.Columns();
  const uint64_t step = std::max<uint64_t>(kChunkValues / columns, 1);
  const BlockShape block = BlockOf(type);
  std::vector<float> values;
  Bytes bytes;
  for (uint64_t row = 0; row < from.Rows();) {
    const uint64_t count = std::min(step, from.Rows() - row);
    bytes.resize(count * (columns / block.values * block.bytes));
    if (type == from.type) {
      GONKA_RETURN_IF_ERROR(checkpoint.ReadRawRows(from.name, row, count, bytes));
    } else {
      values.resize(count * columns);
      GONKA_RETURN_IF_ERROR(checkpoint.ReadRows(from.name, row, count, values));
      GONKA_RETURN_IF_ERROR(Annotate(Quantize(type, values, bytes), from.name));
    }
    file.Put(bytes);
    row += count;
  }
  file.Pad();
  return absl::OkStatus();
}

absl::Status WriteTo(const Checkpoint& checkpoint, const TokenizerSpec& spec,
                     const std::string& path, const ConvertOptions& options) {
  GgufWriter head;
  GONKA_RETURN_IF_ERROR(PutConfig(checkpoint, head));
  GONKA_RETURN_IF_ERROR(PutTokenizer(checkpoint, spec, head));
  std::vector<TensorType> types;
  for (const TensorInfo& from : checkpoint.tensors()) {
    GONKA_ASSIGN_OR_RETURN(const TensorType type, TypeOf(from, options));
    types.push_back(type);
    const TensorInfo to{from.name, from.shape, type};
    head.Tensor(to, checkpoint.RawSize(to));
  }
  const Bytes start = head.Take();
  File file(path, options, start.size() + head.tensor_bytes());
  file.Put(start);
  for (size_t i = 0; i < types.size(); ++i) {
    GONKA_RETURN_IF_ERROR(PutTensor(checkpoint, checkpoint.tensors()[i], types[i], file));
  }
  if (file.Close()) return absl::OkStatus();
  return absl::InternalError(fmt::format("cannot write {}", path));
}

// Without a window it says nothing how many layers have none; folders say it all the same.
Hash HashOf(ModelConfig config) {
  if (config.sliding_window == 0) config.full_attention_layers = 0;
  return HashConfig(config);
}

// Both must be the same model, types of tensors apart.
absl::Status Compare(const Checkpoint& checkpoint, const TokenizerSpec& spec,
                     const std::string& path) {
  GONKA_ASSIGN_OR_RETURN(const auto written, Checkpoint::Open(path));
  if (HashOf(written->config()) != HashOf(checkpoint.config())) {
    return Unsayable(checkpoint, "its config");
  }
  GONKA_ASSIGN_OR_RETURN(const TokenizerSpec read, written->ReadTokenizerSpec());
  if (HashTokenizer(read) != HashTokenizer(spec)) return Unsayable(checkpoint, "its tokenizer");
  if (written->chat_template() == checkpoint.chat_template()) return absl::OkStatus();
  return Unsayable(checkpoint, "its chat template");
}

}  // namespace

absl::Status WriteGguf(const Checkpoint& checkpoint, const std::string& path,
                       const ConvertOptions& options) {
  if (options.type && !CanQuantize(*options.type)) {
    return absl::InvalidArgumentError(
        fmt::format("type {} can be read, but not written", TensorTypeName(*options.type)));
  }
  std::error_code error;
  if (std::filesystem::exists(path, error)) {
    return absl::AlreadyExistsError(fmt::format("{} exists already", path));
  }
  GONKA_ASSIGN_OR_RETURN(const TokenizerSpec spec, checkpoint.ReadTokenizerSpec());
  const std::string temporary = fmt::format("{}.{}.part", path, ::getpid());
  absl::Status status = WriteTo(checkpoint, spec, temporary, options);
  if (status.ok()) status = Compare(checkpoint, spec, temporary);
  if (status.ok()) {
    std::filesystem::rename(temporary, path, error);
    if (!error) return absl::OkStatus();
    status = absl::InternalError(fmt::format("cannot write {}: {}", path, error.message()));
  }
  std::filesystem::remove(temporary, error);
  return status;
}

}  // namespace gonka::model
