#include "gonka/model/checkpoint.h"

#include <sys/stat.h>

#include <algorithm>
#include <map>

#include "fmt/format.h"
#include "gonka/model/tokenizer.h"

namespace gonka::model {
namespace {

using Shape = std::vector<uint64_t>;

std::map<std::string, Shape> ExpectedTensors(const ModelConfig& config) {
  const uint64_t hidden = config.hidden;
  const uint64_t queries = uint64_t{config.heads} * config.head_dim;
  const uint64_t keys = uint64_t{config.kv_heads} * config.head_dim;
  std::map<std::string, Shape> expected;
  expected["token_embd.weight"] = {config.vocab, hidden};
  expected["output_norm.weight"] = {hidden};
  if (!config.tied_embeddings) expected["output.weight"] = {config.vocab, hidden};
  for (uint32_t layer = 0; layer < config.layers; ++layer) {
    const auto add = [&](const char* name, Shape shape) {
      expected[fmt::format("blk.{}.{}.weight", layer, name)] = std::move(shape);
    };
    add("attn_norm", {hidden});
    add("attn_q", {queries, hidden});
    add("attn_k", {keys, hidden});
    add("attn_v", {keys, hidden});
    add("attn_output", {hidden, queries});
    add("ffn_norm", {hidden});
    add("ffn_gate", {config.ffn, hidden});
    add("ffn_up", {config.ffn, hidden});
    add("ffn_down", {hidden, config.ffn});
  }
  return expected;
}

absl::Status CheckTensors(const Gguf& gguf, const ModelConfig& config) {
  const std::map<std::string, Shape> expected = ExpectedTensors(config);
  for (const GgufTensor& tensor : gguf.tensors()) {
    const auto found = expected.find(tensor.name);
    if (found == expected.end()) {
      return absl::InvalidArgumentError(
          fmt::format("{}: tensor \"{}\" is not part of a {} of {} layers", gguf.path(),
                      tensor.name, config.architecture, config.layers));
    }
    if (found->second != tensor.shape) {
      return absl::InvalidArgumentError(
          fmt::format("{}: tensor \"{}\" has shape [{}], the config asks for [{}]", gguf.path(),
                      tensor.name, fmt::join(tensor.shape, ", "), fmt::join(found->second, ", ")));
    }
  }
  for (const auto& [name, shape] : expected) {
    if (gguf.FindTensor(name) == nullptr) {
      return absl::InvalidArgumentError(
          fmt::format("{}: tensor \"{}\" is missing", gguf.path(), name));
    }
  }
  return absl::OkStatus();
}

bool IsDirectory(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

}  // namespace

uint64_t TensorInfo::Rows() const {
  uint64_t rows = 1;
  for (size_t i = 0; i + 1 < shape.size(); ++i) rows *= shape[i];
  return rows;
}

uint64_t TensorInfo::Columns() const {
  return shape.back();
}

absl::StatusOr<std::shared_ptr<const Checkpoint>> Checkpoint::Open(const std::string& path) {
  if (IsDirectory(path)) {
    return absl::UnimplementedError(
        fmt::format("{}: folders are not supported as checkpoints, only .gguf files", path));
  }
  GONKA_ASSIGN_OR_RETURN(std::shared_ptr<const Gguf> gguf, Gguf::Open(path));
  return FromGguf(std::move(gguf));
}

absl::StatusOr<std::shared_ptr<const Checkpoint>> Checkpoint::FromGguf(
    std::shared_ptr<const Gguf> gguf) {
  std::shared_ptr<Checkpoint> checkpoint(new Checkpoint);
  GONKA_ASSIGN_OR_RETURN(checkpoint->config_, ConfigFromGguf(*gguf));
  GONKA_RETURN_IF_ERROR(CheckTensors(*gguf, checkpoint->config_));
  if (gguf->Has("tokenizer.chat_template")) {
    GONKA_ASSIGN_OR_RETURN(checkpoint->chat_template_, gguf->String("tokenizer.chat_template"));
  }
  for (const GgufTensor& tensor : gguf->tensors()) {
    checkpoint->tensors_.push_back({tensor.name, tensor.shape, tensor.type});
  }
  checkpoint->gguf_ = std::move(gguf);
  return std::shared_ptr<const Checkpoint>(std::move(checkpoint));
}

absl::StatusOr<TokenizerSpec> Checkpoint::ReadTokenizerSpec() const {
  GONKA_ASSIGN_OR_RETURN(TokenizerSpec spec, TokenizerSpecFromGguf(*gguf_));
  if (spec.tokens.size() != config_.vocab) {
    return absl::InvalidArgumentError(fmt::format("{}: {} tokens, but a vocabulary of {}", path(),
                                                  spec.tokens.size(), config_.vocab));
  }
  return spec;
}

absl::StatusOr<std::shared_ptr<const Tokenizer>> Checkpoint::LoadTokenizer() const {
  GONKA_ASSIGN_OR_RETURN(const TokenizerSpec spec, ReadTokenizerSpec());
  absl::StatusOr<std::shared_ptr<const Tokenizer>> tokenizer = Tokenizer::Create(spec);
  if (!tokenizer.ok()) return Annotate(tokenizer.status(), path());
  return tokenizer;
}

const TensorInfo* Checkpoint::Find(std::string_view name) const {
  const auto found = std::lower_bound(
      tensors_.begin(), tensors_.end(), name,
      [](const TensorInfo& tensor, std::string_view wanted) { return tensor.name < wanted; });
  return found != tensors_.end() && found->name == name ? &*found : nullptr;
}

absl::StatusOr<ByteSpan> Checkpoint::RawBytes(std::string_view name) const {
  const GgufTensor* tensor = gguf_->FindTensor(name);
  if (tensor == nullptr) {
    return absl::NotFoundError(fmt::format("{}: there is no tensor \"{}\"", path(), name));
  }
  return gguf_->TensorBytes(*tensor);
}

absl::StatusOr<std::vector<float>> Checkpoint::ReadTensor(std::string_view name) const {
  const TensorInfo* info = Find(name);
  const uint64_t rows = info == nullptr ? 0 : info->Rows();
  std::vector<float> values(info == nullptr ? 0 : rows * info->Columns());
  GONKA_RETURN_IF_ERROR(ReadRows(name, 0, rows, values));
  return values;
}

absl::Status Checkpoint::ReadRows(std::string_view name, uint64_t row_begin, uint64_t row_count,
                                  std::span<float> out) const {
  GONKA_ASSIGN_OR_RETURN(const ByteSpan bytes, RawBytes(name));
  const TensorInfo& info = *Find(name);
  if (row_begin > info.Rows() || row_count > info.Rows() - row_begin) {
    return absl::OutOfRangeError(fmt::format("{}: tensor \"{}\" has {} rows, not {} from row {}",
                                             path(), name, info.Rows(), row_count, row_begin));
  }
  const uint64_t row_bytes = bytes.size() / info.Rows();
  return Dequantize(info.type, bytes.subspan(row_begin * row_bytes, row_count * row_bytes), out);
}

}  // namespace gonka::model
