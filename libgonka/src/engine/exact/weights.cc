#include "engine/exact/weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

namespace gonka::engine::exact {
namespace {

using kernels::Format;
using model::TensorInfo;
using model::TensorType;

constexpr size_t kRowsAtATime = 64;  // A multiple of a panel: no two threads write into one word.

// Halves and Q6_K have no panels of their own: fp32 holds their values exactly.
Format FormatAsStored(TensorType type) {
  switch (type) {
    case TensorType::kBF16:
      return Format::kBf16;
    case TensorType::kQ8_0:
      return Format::kQ8_0;
    case TensorType::kQ4_0:
      return Format::kQ4_0;
    case TensorType::kQ4_1:
      return Format::kQ4_1;
    case TensorType::kQ4_K:
      return Format::kQ4_K;
    default:
      return Format::kF32;
  }
}

Format FormatOf(TensorType type, Precision precision) {
  switch (precision) {
    case Precision::kFp32:
      return Format::kF32;
    case Precision::kBf16:
      return Format::kBf16;
    case Precision::kInt8:
      return Format::kInt8;
    default:
      return FormatAsStored(type);
  }
}

// Some rows of a tensor: all of them, or one expert's.
struct Slice {
  std::string name;
  uint64_t part = 0;
  uint64_t parts = 1;
};

class Loader {
 public:
  Loader(const model::Checkpoint& checkpoint, const LocalOptions& options, Team& team)
      : checkpoint_(checkpoint), options_(options), team_(team) {}

  absl::Status ReadVector(const std::string& name, std::vector<float>& out) {
    GONKA_ASSIGN_OR_RETURN(out, checkpoint_.ReadTensor(name));
    if (!options_.weight_hook) return absl::OkStatus();
    return options_.weight_hook(name, checkpoint_.Find(name)->shape, out);
  }

  absl::Status ReadStack(const std::vector<Slice>& slices, Stack& out) {
    for (const Slice& slice : slices) {
      GONKA_ASSIGN_OR_RETURN(Matrix matrix, ReadMatrix(slice));
      out.push_back(std::move(matrix));
    }
    return absl::OkStatus();
  }

 private:
  absl::StatusOr<Matrix> ReadMatrix(const Slice& slice) {
    const TensorInfo* info = checkpoint_.Find(slice.name);
    if (info == nullptr) return absl::NotFoundError("checkpoint has no tensor " + slice.name);
    const Rows rows{.name = slice.name,
                    .first = slice.part * (info->Rows() / slice.parts),
                    .count = info->Rows() / slice.parts,
                    .columns = info->Columns()};
    const Format format = FormatOf(info->type, options_.precision);
    if (options_.weight_hook) return ReadHooked(rows, format);
    GONKA_ASSIGN_OR_RETURN(Matrix matrix, Matrix::Create(format, rows.count, rows.columns));
    GONKA_RETURN_IF_ERROR(Fill(rows, matrix));
    return matrix;
  }

  struct Rows {
    const std::string& name;
    uint64_t first;
    uint64_t count;
    uint64_t columns;
  };

  absl::Status Fill(const Rows& rows, Matrix& matrix) {
    const uint64_t stored =
        checkpoint_.RawSize(*checkpoint_.Find(rows.name)) / checkpoint_.Find(rows.name)->Rows();
    return InParallel(rows.count, [&](size_t begin, size_t count) -> absl::Status {
      if (IsGrouped(matrix.format())) {
        Bytes raw(count * stored);
        GONKA_RETURN_IF_ERROR(checkpoint_.ReadRawRows(rows.name, rows.first + begin, count, raw));
        const absl::Status packed = matrix.SetStoredRows(begin, raw);
        return packed.ok() ? packed : Annotate(packed, fmt::format("tensor \"{}\"", rows.name));
      }
      std::vector<float> values(count * rows.columns);
      GONKA_RETURN_IF_ERROR(checkpoint_.ReadRows(rows.name, rows.first + begin, count, values));
      matrix.SetRows(begin, values);
      return absl::OkStatus();
    });
  }

  // Values that a hook has changed fit no file's grid any more: they are kept in fp32.
  absl::StatusOr<Matrix> ReadHooked(const Rows& rows, Format format) {
    std::vector<float> values(rows.count * rows.columns);
    GONKA_RETURN_IF_ERROR(checkpoint_.ReadRows(rows.name, rows.first, rows.count, values));
    const std::vector<float> before = values;
    const std::vector<uint64_t> shape{rows.count, rows.columns};
    GONKA_RETURN_IF_ERROR(options_.weight_hook(rows.name, shape, values));
    if (IsGrouped(format) && values != before) format = Format::kF32;
    GONKA_ASSIGN_OR_RETURN(Matrix matrix, Matrix::Create(format, rows.count, rows.columns));
    if (IsGrouped(format)) {
      GONKA_RETURN_IF_ERROR(Fill(rows, matrix));
    } else {
      matrix.SetRows(0, values);
    }
    return matrix;
  }

  // work(first, count) -> Status; the first failure by place.
  template <class Work>
  absl::Status InParallel(size_t rows, const Work& work) {
    std::vector<absl::Status> failures((rows + kRowsAtATime - 1) / kRowsAtATime);
    team_.Run(failures.size(), 1, [&](size_t, size_t begin, size_t end) {
      for (size_t i = begin; i < end; ++i) {
        const size_t first = i * kRowsAtATime;
        failures[i] = work(first, std::min(kRowsAtATime, rows - first));
      }
    });
    for (const absl::Status& failure : failures) GONKA_RETURN_IF_ERROR(failure);
    return absl::OkStatus();
  }

  const model::Checkpoint& checkpoint_;
  const LocalOptions& options_;
  Team& team_;
};

absl::Status ReadFeedForward(Loader& loader, const std::string& prefix, const char* suffix,
                             uint64_t part, uint64_t parts, FeedForward& ffn) {
  const auto slice = [&](const char* name) {
    return Slice{fmt::format("{}{}{}.weight", prefix, name, suffix), part, parts};
  };
  GONKA_RETURN_IF_ERROR(loader.ReadStack({slice("ffn_gate"), slice("ffn_up")}, ffn.gate_up));
  return loader.ReadStack({slice("ffn_down")}, ffn.down);
}

absl::Status ReadLayer(Loader& loader, uint32_t index, const model::ModelConfig& config,
                       Layer& layer) {
  const std::string prefix = fmt::format("blk.{}.", index);
  const auto name = [&](const char* part) { return prefix + part + ".weight"; };
  layer.window = config.WindowOf(index);
  GONKA_RETURN_IF_ERROR(loader.ReadVector(name("attn_norm"), layer.attn_norm));
  GONKA_RETURN_IF_ERROR(
      loader.ReadStack({{name("attn_q")}, {name("attn_k")}, {name("attn_v")}}, layer.qkv));
  if (config.qkv_bias) {
    GONKA_RETURN_IF_ERROR(loader.ReadVector(prefix + "attn_q.bias", layer.q_bias));
    GONKA_RETURN_IF_ERROR(loader.ReadVector(prefix + "attn_k.bias", layer.k_bias));
    GONKA_RETURN_IF_ERROR(loader.ReadVector(prefix + "attn_v.bias", layer.v_bias));
  }
  if (config.qk_norm) {
    GONKA_RETURN_IF_ERROR(loader.ReadVector(name("attn_q_norm"), layer.q_norm));
    GONKA_RETURN_IF_ERROR(loader.ReadVector(name("attn_k_norm"), layer.k_norm));
  }
  GONKA_RETURN_IF_ERROR(loader.ReadStack({{name("attn_output")}}, layer.attn_output));
  GONKA_RETURN_IF_ERROR(loader.ReadVector(name("ffn_norm"), layer.ffn_norm));
  const uint32_t experts = config.experts.count;
  if (experts == 0) return ReadFeedForward(loader, prefix, "", 0, 1, layer.ffn.emplace_back());
  GONKA_RETURN_IF_ERROR(loader.ReadStack({{name("ffn_gate_inp")}}, layer.router));
  for (uint32_t e = 0; e < experts; ++e) {
    GONKA_RETURN_IF_ERROR(
        ReadFeedForward(loader, prefix, "_exps", e, experts, layer.ffn.emplace_back()));
  }
  return absl::OkStatus();
}

absl::StatusOr<kernels::RotaryTable> MakeRotary(const model::Checkpoint& checkpoint,
                                                uint32_t context) {
  const model::ModelConfig& config = checkpoint.config();
  std::vector<float> divisors;
  if (config.rope_scaling.type == model::RopeScalingType::kTensor) {
    GONKA_ASSIGN_OR_RETURN(divisors, checkpoint.ReadTensor("rope_freqs.weight"));
  }
  const std::vector<double> frequencies = kernels::RopeFrequencies(config, divisors);
  for (size_t i = 0; i < frequencies.size(); ++i) {
    const double angle = frequencies[i] * context;
    if (angle >= 0 && angle < kernels::kAngleMax) continue;
    return absl::InvalidArgumentError(
        fmt::format("pair {} turns by {} within {} tokens: cpu-exact/1 turns by less than {}", i,
                    angle, context, kernels::kAngleMax));
  }
  return kernels::MakeRotaryTable(frequencies, config.rope_scaling.attention_factor, context);
}

}  // namespace

size_t OffsetOf(const Stack& stack, size_t part) {
  size_t offset = 0;
  for (size_t i = 0; i < part; ++i) offset += stack[i].stride();
  return offset;
}

size_t WidthOf(const Stack& stack) {
  return OffsetOf(stack, stack.size());
}

absl::StatusOr<Weights> LoadWeights(const model::Checkpoint& checkpoint,
                                    const LocalOptions& options, uint32_t context, Team& team) {
  Weights weights;
  weights.config = checkpoint.config();
  GONKA_ASSIGN_OR_RETURN(weights.rotary, MakeRotary(checkpoint, context));
  Loader loader(checkpoint, options, team);
  GONKA_RETURN_IF_ERROR(loader.ReadStack({{"token_embd.weight"}}, weights.embedding));
  for (uint32_t l = 0; l < weights.config.layers; ++l) {
    if (options.layer_filter && !options.layer_filter(l)) continue;
    GONKA_RETURN_IF_ERROR(ReadLayer(loader, l, weights.config, weights.layers.emplace_back()));
  }
  GONKA_RETURN_IF_ERROR(loader.ReadVector("output_norm.weight", weights.output_norm));
  if (!weights.config.tied_embeddings) {
    GONKA_RETURN_IF_ERROR(loader.ReadStack({{"output.weight"}}, weights.output));
  }
  return weights;
}

}  // namespace gonka::engine::exact
