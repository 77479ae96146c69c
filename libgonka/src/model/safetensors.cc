#include "safetensors.h"

#include <algorithm>

#include "fmt/format.h"
#include "fmt/ranges.h"
#include "gonka/base/json.h"
#include "json_file.h"

namespace gonka::model {
namespace {

constexpr uint64_t kPrefixBytes = 8;

struct Dtype {
  std::string_view name;
  uint64_t bytes;
};
// Of all that the format knows in whole bytes; those that we read have a TensorType.
constexpr Dtype kDtypes[] = {{"F32", 4},     {"F16", 2},    {"BF16", 2}, {"F64", 8}, {"I64", 8},
                             {"I32", 4},     {"I16", 2},    {"I8", 1},   {"U64", 8}, {"U32", 4},
                             {"U16", 2},     {"U8", 1},     {"BOOL", 1}, {"C64", 8}, {"F8_E4M3", 1},
                             {"F8_E5M2", 1}, {"F8_E8M0", 1}};

std::optional<TensorType> TypeOf(std::string_view dtype) {
  if (dtype == "F32") return TensorType::kF32;
  if (dtype == "F16") return TensorType::kF16;
  if (dtype == "BF16") return TensorType::kBF16;
  return std::nullopt;
}

absl::Status Bad(const std::string& message) {
  return absl::InvalidArgumentError(message);
}

std::string Quote(std::string_view name) {
  return name.size() <= 120 ? JsonQuote(name) : JsonQuote(name.substr(0, 120)) + "...";
}

absl::StatusOr<SafeTensor> ReadEntry(const std::string& name, const Json& entry) {
  const std::string what = fmt::format("tensor {}", Quote(name));
  if (!entry.is_object() || entry.size() != 3 || !entry.contains("dtype") ||
      !entry.contains("shape") || !entry.contains("data_offsets")) {
    return Bad(
        fmt::format("{} must have dtype, shape and data_offsets, not {}", what, ShortJson(entry)));
  }
  SafeTensor tensor;
  const Json& dtype = entry["dtype"];
  const Dtype* known = std::find_if(std::begin(kDtypes), std::end(kDtypes), [&](const Dtype& d) {
    return dtype.is_string() && dtype.get_ref<const std::string&>() == d.name;
  });
  if (known == std::end(kDtypes)) {
    return Bad(fmt::format("{} has the unknown dtype {}", what, ShortJson(dtype)));
  }
  tensor.dtype = known->name;
  tensor.type = TypeOf(known->name);
  const Json& shape = entry["shape"];
  if (!shape.is_array() || shape.size() > kSafetensorsRankMax) {
    return Bad(fmt::format("{} has the shape {}, a list of at most {} lengths is accepted", what,
                           ShortJson(shape), kSafetensorsRankMax));
  }
  uint64_t bytes = known->bytes;
  for (const Json& length : shape) {
    if (!length.is_number_unsigned() ||
        __builtin_mul_overflow(bytes, length.get<uint64_t>(), &bytes)) {
      return Bad(fmt::format("{} has the impossible shape {}", what, ShortJson(shape)));
    }
    tensor.shape.push_back(length.get<uint64_t>());
  }
  const Json& offsets = entry["data_offsets"];
  if (!offsets.is_array() || offsets.size() != 2 || !offsets[0].is_number_unsigned() ||
      !offsets[1].is_number_unsigned() || offsets[1] < offsets[0]) {
    return Bad(fmt::format("{} has the data_offsets {}, not a beginning and an end", what,
                           ShortJson(offsets)));
  }
  tensor.offset = offsets[0].get<uint64_t>();
  tensor.size = offsets[1].get<uint64_t>() - tensor.offset;
  if (tensor.size != bytes) {
    return Bad(fmt::format("{} of dtype {} and shape {} takes {} bytes, its data_offsets hold {}",
                           what, tensor.dtype, ShortJson(shape), bytes, tensor.size));
  }
  return tensor;
}

// One after another, from the first byte behind the directory to the last of the file.
absl::Status CheckLayout(const SafeTensors& tensors, uint64_t data_size) {
  std::vector<std::pair<const std::string*, const SafeTensor*>> order;
  for (const auto& [name, tensor] : tensors) order.emplace_back(&name, &tensor);
  std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return std::pair(a.second->offset, a.second->size) <
           std::pair(b.second->offset, b.second->size);
  });
  uint64_t end = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    const auto& [name, tensor] = order[i];
    if (tensor->offset < end) {
      return Bad(
          fmt::format("tensors {} and {} overlap", Quote(*order[i - 1].first), Quote(*name)));
    }
    if (tensor->offset > end) {
      return Bad(fmt::format("{} bytes before tensor {} belong to none", tensor->offset - end,
                             Quote(*name)));
    }
    if (tensor->size > data_size - end) {
      return Bad(fmt::format("tensor {} ends at {}, but there are only {} bytes of tensors",
                             Quote(*name), tensor->offset + tensor->size, data_size));
    }
    end += tensor->size;
  }
  if (end != data_size) {
    return Bad(fmt::format("{} bytes behind the last tensor belong to none", data_size - end));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SafeTensors> ParseSafetensors(ByteSpan head, uint64_t file_size) {
  if (file_size < kPrefixBytes || head.size() < kPrefixBytes) {
    return Bad(fmt::format("file of {} bytes ends within the length of its directory", file_size));
  }
  uint64_t header = 0;
  for (uint64_t i = 0; i < kPrefixBytes; ++i) header |= uint64_t{head[i]} << (8 * i);
  if (header > kSafetensorsHeaderMax) {
    return Bad(fmt::format("directory of {} bytes, at most {} are accepted", header,
                           kSafetensorsHeaderMax));
  }
  if (header > file_size - kPrefixBytes || header > head.size() - kPrefixBytes) {
    return Bad(
        fmt::format("file of {} bytes ends within its directory of {} bytes", file_size, header));
  }
  GONKA_ASSIGN_OR_RETURN(const Json directory,
                         ParseJsonObject("directory", AsText(head.subspan(kPrefixBytes, header))));
  SafeTensors tensors;
  for (const auto& [name, entry] : directory.items()) {
    if (name == "__metadata__") continue;
    GONKA_ASSIGN_OR_RETURN(SafeTensor tensor, ReadEntry(name, entry));
    tensors.emplace(name, std::move(tensor));
  }
  const uint64_t data_begin = kPrefixBytes + header;
  GONKA_RETURN_IF_ERROR(CheckLayout(tensors, file_size - data_begin));
  for (auto& [name, tensor] : tensors) tensor.offset += data_begin;
  return tensors;
}

absl::StatusOr<std::unique_ptr<SafetensorsFile>> SafetensorsFile::Open(const std::string& path) {
  std::unique_ptr<SafetensorsFile> opened(new SafetensorsFile);
  GONKA_ASSIGN_OR_RETURN(opened->file_, MappedFile::Open(path));
  absl::StatusOr<SafeTensors> tensors =
      ParseSafetensors(opened->file_->bytes(), opened->file_->size());
  if (!tensors.ok()) return Annotate(tensors.status(), path);
  opened->tensors_ = *std::move(tensors);
  return opened;
}

}  // namespace gonka::model
