#include "gonka/model/checkpoint.h"

#include <sys/stat.h>

#include <algorithm>
#include <bit>
#include <set>

#include "fmt/format.h"
#include "fmt/ranges.h"
#include "folder.h"
#include "gonka/base/json.h"
#include "gonka/model/tokenizer.h"
#include "tensor_layout.h"

namespace gonka::model {
namespace {

constexpr uint64_t kReadBytes = 1 << 20;  // Of rows that are widened at a time.

absl::Status WrongShape(const std::string& path, std::string_view name,
                        const std::vector<uint64_t>& shape, const std::vector<uint64_t>& wanted) {
  return absl::InvalidArgumentError(
      fmt::format("{}: tensor {} has shape [{}], the config asks for [{}]", path, JsonQuote(name),
                  fmt::join(shape, ", "), fmt::join(wanted, ", ")));
}

absl::Status NotPart(const std::string& path, std::string_view name, const ModelConfig& config) {
  return absl::InvalidArgumentError(fmt::format("{}: tensor {} is not part of a {} of {} layers",
                                                path, JsonQuote(name), config.architecture,
                                                config.layers));
}

absl::Status MissingTensor(const std::string& path, std::string_view name) {
  return absl::InvalidArgumentError(fmt::format("{}: tensor {} is missing", path, JsonQuote(name)));
}

bool IsDirectory(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

bool EndsWith(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

// The first element that is infinite or NaN.
std::optional<size_t> FindNotFinite(std::span<const float> values) {
  constexpr uint32_t kExponent = 0x7F800000;
  bool finite = true;
  for (const float value : values) {
    finite &= (std::bit_cast<uint32_t>(value) & kExponent) != kExponent;
  }
  if (finite) return std::nullopt;
  for (size_t i = 0; i < values.size(); ++i) {
    if ((std::bit_cast<uint32_t>(values[i]) & kExponent) == kExponent) return i;
  }
  return std::nullopt;
}

// Row of a head in the order of halves that stands at `row` in the order of pairs.
uint64_t HalvesRow(uint64_t row, uint64_t head_dim) {
  const uint64_t head = row / head_dim;
  const uint64_t at = row % head_dim;
  return head * head_dim + at % 2 * (head_dim / 2) + at / 2;
}

}  // namespace

// Equal stretches of rows, each of them somewhere in a file.
struct Checkpoint::Source {
  struct Part {
    const MappedFile* file = nullptr;  // Of a folder.
    uint64_t offset = 0;
    const GgufTensor* tensor = nullptr;  // Of a GGUF file.
  };
  std::vector<Part> parts;
  uint64_t rows_per_part = 0;
  uint64_t row_bytes = 0;
  uint64_t rotary_head_dim = 0;  // Not 0: rows come in the order of halves and leave in pairs.

  absl::Status Read(const Gguf* gguf, uint64_t row, uint64_t rows, std::span<uint8_t> out) const {
    const Part& part = parts[row / rows_per_part];
    const uint64_t begin = row % rows_per_part * row_bytes;
    const std::span<uint8_t> bytes = out.first(rows * row_bytes);
    if (part.file != nullptr) return part.file->Read(part.offset + begin, bytes);
    return gguf->ReadTensor(*part.tensor, begin, bytes);
  }
};

uint64_t TensorInfo::Rows() const {
  uint64_t rows = 1;
  for (size_t i = 0; i + 1 < shape.size(); ++i) rows *= shape[i];
  return rows;
}

uint64_t TensorInfo::Columns() const {
  return shape.back();
}

Checkpoint::Checkpoint() = default;
Checkpoint::~Checkpoint() = default;

absl::StatusOr<std::shared_ptr<const Checkpoint>> Checkpoint::Open(const std::string& path) {
  if (IsDirectory(path)) return FromFolder(path);
  GONKA_ASSIGN_OR_RETURN(std::shared_ptr<const Gguf> gguf, Gguf::Open(path));
  return FromGguf(std::move(gguf));
}

absl::StatusOr<std::shared_ptr<const Checkpoint>> Checkpoint::FromGguf(
    std::shared_ptr<const Gguf> gguf) {
  std::shared_ptr<Checkpoint> checkpoint(new Checkpoint);
  checkpoint->path_ = gguf->path();
  checkpoint->files_ = {gguf->path()};
  GONKA_ASSIGN_OR_RETURN(checkpoint->config_, ConfigFromGguf(*gguf));
  std::set<std::string_view> known;
  const std::vector<TensorPlan> plans = PlanTensors(checkpoint->config_);
  for (const TensorPlan& plan : plans) known.insert(plan.name);
  for (const GgufTensor& tensor : gguf->tensors()) {
    if (!known.contains(tensor.name)) {
      return NotPart(gguf->path(), tensor.name, checkpoint->config_);
    }
  }
  for (const TensorPlan& plan : plans) {
    const GgufTensor* tensor = gguf->FindTensor(plan.name);
    if (tensor == nullptr) return MissingTensor(gguf->path(), plan.name);
    if (tensor->shape != plan.shape) {
      return WrongShape(gguf->path(), plan.name, tensor->shape, plan.shape);
    }
    TensorInfo info{plan.name, plan.shape, tensor->type};
    const uint64_t rows = info.Rows();
    checkpoint->tensors_.push_back(std::move(info));
    checkpoint->sources_.push_back({.parts = {{.file = nullptr, .offset = 0, .tensor = tensor}},
                                    .rows_per_part = rows,
                                    .row_bytes = tensor->size / rows,
                                    .rotary_head_dim = 0});
  }
  if (gguf->Has("tokenizer.chat_template")) {
    GONKA_ASSIGN_OR_RETURN(checkpoint->chat_template_, gguf->String("tokenizer.chat_template"));
  }
  checkpoint->gguf_ = std::move(gguf);
  return std::shared_ptr<const Checkpoint>(std::move(checkpoint));
}

absl::StatusOr<std::shared_ptr<const Checkpoint>> Checkpoint::FromFolder(const std::string& path) {
  std::shared_ptr<Checkpoint> checkpoint(new Checkpoint);
  checkpoint->path_ = path;
  GONKA_ASSIGN_OR_RETURN(checkpoint->folder_, ModelFolder::Open(path));
  const ModelFolder& folder = *checkpoint->folder_;
  checkpoint->files_ = folder.files();
  checkpoint->config_ = folder.config();
  checkpoint->chat_template_ = folder.chat_template();
  const ModelConfig& config = checkpoint->config_;
  std::set<std::string> known;
  for (const TensorPlan& plan : PlanTensors(config)) {
    TensorInfo info{plan.name, plan.shape, TensorType::kF32};
    Source source{.parts = {},
                  .rows_per_part = info.Rows() / std::max<size_t>(plan.sources.size(), 1),
                  .row_bytes = 0,
                  .rotary_head_dim = plan.rotary_heads > 0 ? config.head_dim : 0};
    // Of one of the stacked tensors.
    const std::vector<uint64_t> shape(plan.shape.begin() + (plan.sources.size() > 1 ? 1 : 0),
                                      plan.shape.end());
    for (const std::string& name : plan.sources) {
      const auto [file, tensor] = folder.Find(name);
      if (file == nullptr) return MissingTensor(path, name);
      if (tensor->shape != shape && tensor->shape != plan.shape) {
        return WrongShape(path, name, tensor->shape, shape);
      }
      if (!tensor->type) {
        return absl::InvalidArgumentError(
            fmt::format("{}: tensor {} has dtype {}, supported are F32, F16 and BF16", path,
                        JsonQuote(name), tensor->dtype));
      }
      if (!source.parts.empty() && *tensor->type != info.type) {
        return absl::InvalidArgumentError(
            fmt::format("{}: tensor {} has dtype {}, but {} has {}", path, JsonQuote(name),
                        tensor->dtype, JsonQuote(plan.sources[0]), TensorTypeName(info.type)));
      }
      info.type = *tensor->type;
      source.parts.push_back({.file = file, .offset = tensor->offset, .tensor = nullptr});
      known.insert(name);
    }
    source.row_bytes = info.Columns() * BlockOf(info.type).bytes;
    checkpoint->tensors_.push_back(std::move(info));
    checkpoint->sources_.push_back(std::move(source));
  }
  for (const std::string& name : folder.TensorNames()) {
    // A tied output matrix may be written out all the same, and old programs kept frequencies.
    const bool redundant = (config.tied_embeddings && name == "lm_head.weight") ||
                           EndsWith(name, ".self_attn.rotary_emb.inv_freq");
    if (!known.contains(name) && !redundant) return NotPart(path, name, config);
  }
  return std::shared_ptr<const Checkpoint>(std::move(checkpoint));
}

absl::StatusOr<TokenizerSpec> Checkpoint::ReadTokenizerSpec() const {
  if (folder_) return folder_->ReadTokenizerSpec();
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
  const absl::StatusOr<size_t> index = IndexOf(name);
  return index.ok() ? &tensors_[*index] : nullptr;
}

absl::StatusOr<size_t> Checkpoint::IndexOf(std::string_view name) const {
  const auto found = std::lower_bound(
      tensors_.begin(), tensors_.end(), name,
      [](const TensorInfo& tensor, std::string_view wanted) { return tensor.name < wanted; });
  if (found == tensors_.end() || found->name != name) {
    return absl::NotFoundError(fmt::format("{}: there is no tensor {}", path(), JsonQuote(name)));
  }
  return static_cast<size_t>(found - tensors_.begin());
}

uint64_t Checkpoint::RawSize(const TensorInfo& tensor) const {
  const BlockShape block = BlockOf(tensor.type);
  return tensor.Rows() * (tensor.Columns() / block.values * block.bytes);
}

absl::Status Checkpoint::ReadRawRows(std::string_view name, uint64_t row_begin, uint64_t row_count,
                                     std::span<uint8_t> out) const {
  GONKA_ASSIGN_OR_RETURN(const size_t index, IndexOf(name));
  const TensorInfo& info = tensors_[index];
  const Source& source = sources_[index];
  if (row_begin > info.Rows() || row_count > info.Rows() - row_begin) {
    return absl::OutOfRangeError(fmt::format("{}: tensor {} has {} rows, not {} from row {}",
                                             path(), JsonQuote(name), info.Rows(), row_count,
                                             row_begin));
  }
  if (out.size() != row_count * source.row_bytes) {
    return absl::InvalidArgumentError(fmt::format("{}: {} rows of tensor {} take {} bytes, not {}",
                                                  path(), row_count, JsonQuote(name),
                                                  row_count * source.row_bytes, out.size()));
  }
  for (uint64_t row = row_begin, end = row_begin + row_count; row < end;) {
    const uint64_t left_in_part = source.rows_per_part - row % source.rows_per_part;
    const bool turned = source.rotary_head_dim != 0;
    const uint64_t count = turned ? 1 : std::min(end - row, left_in_part);
    const uint64_t from = turned ? HalvesRow(row, source.rotary_head_dim) : row;
    GONKA_RETURN_IF_ERROR(source.Read(gguf_.get(), from, count, out));
    out = out.subspan(count * source.row_bytes);
    row += count;
  }
  return absl::OkStatus();
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
  GONKA_ASSIGN_OR_RETURN(const size_t index, IndexOf(name));
  const TensorInfo& info = tensors_[index];
  const uint64_t row_bytes = sources_[index].row_bytes;
  const uint64_t columns = info.Columns();
  if (out.size() != row_count * columns) {
    return absl::InvalidArgumentError(fmt::format("{}: {} rows of tensor {} are {} values, not {}",
                                                  path(), row_count, JsonQuote(name),
                                                  row_count * columns, out.size()));
  }
  std::vector<uint8_t> bytes;
  const uint64_t step = std::max<uint64_t>(kReadBytes / row_bytes, 1);
  for (uint64_t done = 0; done < row_count;) {
    const uint64_t count = std::min(step, row_count - done);
    bytes.resize(count * row_bytes);
    GONKA_RETURN_IF_ERROR(ReadRawRows(name, row_begin + done, count, bytes));
    const std::span<float> values = out.subspan(done * columns, count * columns);
    GONKA_RETURN_IF_ERROR(Dequantize(info.type, bytes, values));
    if (const std::optional<size_t> bad = FindNotFinite(values)) {
      return absl::DataLossError(fmt::format("{}: tensor {} is {} in row {}, column {}", path(),
                                             JsonQuote(name), values[*bad],
                                             row_begin + done + *bad / columns, *bad % columns));
    }
    done += count;
  }
  return absl::OkStatus();
}

}  // namespace gonka::model
