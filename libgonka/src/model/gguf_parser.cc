#include "gguf_parser.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

#include "fmt/format.h"
#include "gonka/base/json.h"

namespace gonka::model {
namespace {

constexpr uint32_t kMagic = 0x46554747;  // "GGUF"
constexpr uint32_t kVersion = 3;
constexpr uint64_t kDefaultAlignment = 32;
constexpr uint64_t kAlignmentMax = 1 << 16;
constexpr size_t kQuotedMax = 80;

// A name from the file as it may stand in a message.
std::string Quote(std::string_view text) {
  if (text.size() <= kQuotedMax) return JsonQuote(text);
  return JsonQuote(text.substr(0, kQuotedMax)) + "...";
}

absl::Status Bad(const std::string& message) {
  return absl::InvalidArgumentError(message);
}

uint64_t SizeOf(GgufType type) {
  switch (type) {
    case GgufType::kUint8:
    case GgufType::kInt8:
    case GgufType::kBool:
      return 1;
    case GgufType::kUint16:
    case GgufType::kInt16:
      return 2;
    case GgufType::kUint32:
    case GgufType::kInt32:
    case GgufType::kFloat32:
      return 4;
    case GgufType::kUint64:
    case GgufType::kInt64:
    case GgufType::kFloat64:
      return 8;
    case GgufType::kString:
    case GgufType::kArray:
      return 0;  // Of varying size.
  }
  return 0;
}

uint64_t LittleEndian(const uint8_t* bytes, uint64_t size) {
  uint64_t value = 0;
  for (uint64_t i = 0; i < size; ++i) value |= uint64_t{bytes[i]} << (8 * i);
  return value;
}

int64_t SignExtend(uint64_t raw, uint64_t size) {
  const int shift = static_cast<int>(64 - 8 * size);
  return static_cast<int64_t>(raw << shift) >> shift;
}

GgufValue Scalar(GgufType type, uint64_t raw) {
  switch (type) {
    case GgufType::kInt8:
    case GgufType::kInt16:
    case GgufType::kInt32:
    case GgufType::kInt64:
      return SignExtend(raw, SizeOf(type));
    case GgufType::kFloat32:
      return double{std::bit_cast<float>(static_cast<uint32_t>(raw))};
    case GgufType::kFloat64:
      return std::bit_cast<double>(raw);
    case GgufType::kBool:
      return raw != 0;
    default:
      return raw;
  }
}

class Parser {
 public:
  explicit Parser(ByteSpan file) : file_(file) {}

  absl::StatusOr<GgufContents> Parse() {
    GONKA_RETURN_IF_ERROR(ParseHeader());
    for (uint64_t i = 0; i < metadata_count_; ++i) GONKA_RETURN_IF_ERROR(ParsePair(i));
    for (uint64_t i = 0; i < tensor_count_; ++i) GONKA_RETURN_IF_ERROR(ParseTensor(i));
    GONKA_RETURN_IF_ERROR(PlaceTensors());
    return std::move(contents_);
  }

 private:
  absl::Status ParseHeader() {
    GONKA_ASSIGN_OR_RETURN(const uint64_t magic, Int(4, "the magic number"));
    if (magic != kMagic) {
      return Bad(fmt::format("not a GGUF file: it starts with {:08x}, not \"GGUF\"",
                             __builtin_bswap32(static_cast<uint32_t>(magic))));
    }
    GONKA_ASSIGN_OR_RETURN(const uint64_t version, Int(4, "the version"));
    if (version != kVersion) {
      return Bad(
          fmt::format("GGUF version {} is not supported, only version {}", version, kVersion));
    }
    GONKA_ASSIGN_OR_RETURN(tensor_count_, Int(8, "the number of tensors"));
    GONKA_ASSIGN_OR_RETURN(metadata_count_, Int(8, "the number of metadata pairs"));
    if (tensor_count_ > Gguf::kTensorsMax) {
      return Bad(
          fmt::format("{} tensors, at most {} are accepted", tensor_count_, Gguf::kTensorsMax));
    }
    if (metadata_count_ > Gguf::kMetadataMax) {
      return Bad(fmt::format("{} metadata pairs, at most {} are accepted", metadata_count_,
                             Gguf::kMetadataMax));
    }
    return absl::OkStatus();
  }

  absl::Status ParsePair(uint64_t index) {
    const std::string what = fmt::format("metadata key {}", index);
    GONKA_ASSIGN_OR_RETURN(const std::string_view key, String(Gguf::kKeyBytesMax, what));
    if (key.empty()) return Bad(fmt::format("{} is empty", what));
    const std::string name = fmt::format("metadata {}", Quote(key));
    GONKA_ASSIGN_OR_RETURN(const GgufType type, Type(name));
    GONKA_ASSIGN_OR_RETURN(GgufValue value, Value(type, name, 0));
    if (!contents_.metadata.emplace(std::string(key), std::move(value)).second) {
      return Bad(fmt::format("{} stands in the file twice", name));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<GgufType> Type(const std::string& what) {
    GONKA_ASSIGN_OR_RETURN(const uint64_t number, Int(4, what));
    if (number > static_cast<uint64_t>(GgufType::kFloat64)) {
      return Bad(fmt::format("{} has the unknown type {}", what, number));
    }
    return static_cast<GgufType>(number);
  }

  absl::StatusOr<GgufValue> Value(GgufType type, const std::string& what, uint32_t depth) {
    if (type == GgufType::kString) {
      GONKA_ASSIGN_OR_RETURN(const std::string_view text, String(file_.size(), what));
      return GgufValue(text);
    }
    if (type == GgufType::kArray) {
      GONKA_ASSIGN_OR_RETURN(const GgufArray array, Array(what, depth + 1));
      return GgufValue(array);
    }
    GONKA_ASSIGN_OR_RETURN(const uint64_t raw, Int(SizeOf(type), what));
    if (type == GgufType::kBool && raw > 1) {
      return Bad(fmt::format("{} is a bool of value {}", what, raw));
    }
    return Scalar(type, raw);
  }

  absl::StatusOr<GgufArray> Array(const std::string& what, uint32_t depth) {
    if (depth > Gguf::kArrayDepthMax) {
      return Bad(fmt::format("{} nests arrays deeper than {}", what, Gguf::kArrayDepthMax));
    }
    GgufArray array;
    GONKA_ASSIGN_OR_RETURN(array.element, Type(what));
    GONKA_ASSIGN_OR_RETURN(array.count, Int(8, what));
    // A string or an array takes at least its own length, 8 bytes.
    const uint64_t element_min = std::max<uint64_t>(SizeOf(array.element), 1);
    if (array.count > Remaining() / element_min) {
      return Bad(fmt::format("{} claims {} elements, but only {} bytes of the file are left", what,
                             array.count, Remaining()));
    }
    const uint64_t begin = at_;
    if (SizeOf(array.element) > 0) {
      at_ += array.count * SizeOf(array.element);
    } else {
      for (uint64_t i = 0; i < array.count; ++i) {
        const absl::StatusOr<GgufValue> element = Value(array.element, what, depth);
        if (!element.ok()) return element.status();
      }
    }
    array.bytes = file_.subspan(begin, at_ - begin);
    if (array.element == GgufType::kBool) GONKA_RETURN_IF_ERROR(CheckBools(array, what));
    return array;
  }

  absl::Status CheckBools(const GgufArray& array, const std::string& what) {
    for (uint64_t i = 0; i < array.count; ++i) {
      if (array.bytes[i] > 1) {
        return Bad(fmt::format("{}[{}] is a bool of value {}", what, i, array.bytes[i]));
      }
    }
    return absl::OkStatus();
  }

  absl::Status ParseTensor(uint64_t index) {
    const std::string what = fmt::format("name of tensor {}", index);
    GgufTensor tensor;
    GONKA_ASSIGN_OR_RETURN(const std::string_view name, String(Gguf::kTensorNameBytesMax, what));
    if (name.empty()) return Bad(fmt::format("{} is empty", what));
    tensor.name = name;
    const std::string quoted = fmt::format("tensor {}", Quote(name));
    GONKA_RETURN_IF_ERROR(ParseShape(tensor, quoted));
    GONKA_ASSIGN_OR_RETURN(const uint64_t type, Int(4, quoted));
    const auto known = TensorTypeFromGgml(static_cast<uint32_t>(type));
    if (!known) {
      return Bad(fmt::format(
          "{} has GGML type {}, supported are F32, F16, BF16, Q4_0, Q4_1, Q8_0, Q4_K and Q6_K",
          quoted, type));
    }
    tensor.type = *known;
    GONKA_ASSIGN_OR_RETURN(tensor.offset, Int(8, quoted));
    GONKA_RETURN_IF_ERROR(ComputeSize(tensor, quoted));
    contents_.tensors.push_back(std::move(tensor));
    return absl::OkStatus();
  }

  absl::Status ParseShape(GgufTensor& tensor, const std::string& what) {
    GONKA_ASSIGN_OR_RETURN(const uint64_t dimensions, Int(4, what));
    if (dimensions == 0 || dimensions > Gguf::kDimensionsMax) {
      return Bad(fmt::format("{} has {} dimensions, 1 to {} are accepted", what, dimensions,
                             Gguf::kDimensionsMax));
    }
    for (uint64_t i = 0; i < dimensions; ++i) {
      GONKA_ASSIGN_OR_RETURN(const uint64_t length, Int(8, what));
      if (length == 0) return Bad(fmt::format("{} has a dimension of length 0", what));
      tensor.shape.insert(tensor.shape.begin(), length);
    }
    return absl::OkStatus();
  }

  absl::Status ComputeSize(GgufTensor& tensor, const std::string& what) {
    const BlockShape block = BlockOf(tensor.type);
    const uint64_t columns = tensor.shape.back();
    if (columns % block.values != 0) {
      return Bad(fmt::format("{} has rows of {} values, not a multiple of {}'s block of {}", what,
                             columns, TensorTypeName(tensor.type), block.values));
    }
    uint64_t size = columns / block.values;
    bool overflow = __builtin_mul_overflow(size, uint64_t{block.bytes}, &size);
    for (size_t i = 0; i + 1 < tensor.shape.size(); ++i) {
      overflow |= __builtin_mul_overflow(size, tensor.shape[i], &size);
    }
    if (overflow || size > file_.size()) {
      return Bad(fmt::format("{} of shape [{}] and type {} is larger than the file of {} bytes",
                             what, fmt::join(tensor.shape, ", "), TensorTypeName(tensor.type),
                             file_.size()));
    }
    tensor.size = size;
    return absl::OkStatus();
  }

  absl::StatusOr<uint64_t> Alignment() const {
    const auto found = contents_.metadata.find("general.alignment");
    if (found == contents_.metadata.end()) return kDefaultAlignment;
    const uint64_t* value = std::get_if<uint64_t>(&found->second);
    if (value == nullptr || *value < 8 || *value > kAlignmentMax || !std::has_single_bit(*value)) {
      return Bad(fmt::format("general.alignment must be a power of two from 8 to {}{}",
                             kAlignmentMax, value ? fmt::format(", not {}", *value) : ""));
    }
    return *value;
  }

  // Turns offsets into the data section into offsets into the file.
  absl::Status PlaceTensors() {
    GONKA_ASSIGN_OR_RETURN(const uint64_t alignment, Alignment());
    const uint64_t data_begin = (at_ + alignment - 1) / alignment * alignment;
    for (GgufTensor& tensor : contents_.tensors) {
      if (tensor.offset % alignment != 0) {
        return Bad(
            fmt::format("tensor {} starts at {}, which is not a multiple of the alignment {}",
                        Quote(tensor.name), tensor.offset, alignment));
      }
      uint64_t end = 0;
      if (__builtin_add_overflow(data_begin, tensor.offset, &tensor.offset) ||
          __builtin_add_overflow(tensor.offset, tensor.size, &end) || end > file_.size()) {
        return Bad(fmt::format("tensor {} of {} bytes ends beyond the file of {} bytes",
                               Quote(tensor.name), tensor.size, file_.size()));
      }
    }
    GONKA_RETURN_IF_ERROR(RefuseOverlaps());
    return SortByName();
  }

  absl::Status RefuseOverlaps() {
    auto& tensors = contents_.tensors;
    std::sort(tensors.begin(), tensors.end(),
              [](const GgufTensor& a, const GgufTensor& b) { return a.offset < b.offset; });
    for (size_t i = 1; i < tensors.size(); ++i) {
      if (tensors[i - 1].offset + tensors[i - 1].size > tensors[i].offset) {
        return Bad(fmt::format("tensors {} and {} overlap in the file", Quote(tensors[i - 1].name),
                               Quote(tensors[i].name)));
      }
    }
    return absl::OkStatus();
  }

  absl::Status SortByName() {
    auto& tensors = contents_.tensors;
    std::sort(tensors.begin(), tensors.end(),
              [](const GgufTensor& a, const GgufTensor& b) { return a.name < b.name; });
    for (size_t i = 1; i < tensors.size(); ++i) {
      if (tensors[i - 1].name == tensors[i].name) {
        return Bad(fmt::format("tensor {} stands in the file twice", Quote(tensors[i].name)));
      }
    }
    return absl::OkStatus();
  }

  uint64_t Remaining() const { return file_.size() - at_; }

  absl::StatusOr<uint64_t> Int(uint64_t size, const std::string& what) {
    if (size > Remaining()) {
      return Bad(fmt::format("file of {} bytes ends within {}", file_.size(), what));
    }
    const uint64_t value = LittleEndian(file_.data() + at_, size);
    at_ += size;
    return value;
  }

  absl::StatusOr<std::string_view> String(uint64_t max, const std::string& what) {
    GONKA_ASSIGN_OR_RETURN(const uint64_t size, Int(8, what));
    if (size > max) {
      return Bad(fmt::format("{} is {} bytes long, at most {} are accepted", what, size, max));
    }
    if (size > Remaining()) {
      return Bad(fmt::format("file of {} bytes ends within {}", file_.size(), what));
    }
    const std::string_view text = AsText(file_.subspan(at_, size));
    at_ += size;
    return text;
  }

  ByteSpan file_;
  uint64_t at_ = 0;
  uint64_t tensor_count_ = 0;
  uint64_t metadata_count_ = 0;
  GgufContents contents_;
};

}  // namespace

absl::StatusOr<GgufContents> ParseGguf(ByteSpan file) {
  return Parser(file).Parse();
}

std::vector<std::string_view> ArrayStrings(const GgufArray& array) {
  std::vector<std::string_view> strings;
  strings.reserve(array.count);
  size_t at = 0;
  for (uint64_t i = 0; i < array.count; ++i) {
    const uint64_t size = LittleEndian(array.bytes.data() + at, 8);
    strings.push_back(AsText(array.bytes.subspan(at + 8, size)));
    at += 8 + size;
  }
  return strings;
}

std::optional<std::vector<int64_t>> ArrayInts(const GgufArray& array) {
  const uint64_t size = SizeOf(array.element);
  std::vector<int64_t> ints;
  ints.reserve(array.count);
  for (uint64_t i = 0; i < array.count && size > 0; ++i) {
    const GgufValue value =
        Scalar(array.element, LittleEndian(array.bytes.data() + i * size, size));
    if (const int64_t* signed_value = std::get_if<int64_t>(&value)) {
      ints.push_back(*signed_value);
    } else if (const uint64_t* raw = std::get_if<uint64_t>(&value);
               raw != nullptr && *raw <= uint64_t{std::numeric_limits<int64_t>::max()}) {
      ints.push_back(static_cast<int64_t>(*raw));
    } else {
      return std::nullopt;
    }
  }
  if (size == 0 && array.count > 0) return std::nullopt;
  return ints;
}

std::optional<std::vector<float>> ArrayFloats(const GgufArray& array) {
  if (array.count == 0) return std::vector<float>();
  if (array.element != GgufType::kFloat32) return std::nullopt;
  std::vector<float> floats;
  floats.reserve(array.count);
  for (uint64_t i = 0; i < array.count; ++i) {
    const uint64_t bits = LittleEndian(array.bytes.data() + i * sizeof(float), sizeof(float));
    floats.push_back(std::bit_cast<float>(static_cast<uint32_t>(bits)));
  }
  return floats;
}

}  // namespace gonka::model
