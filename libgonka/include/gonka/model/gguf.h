#pragma once

// A GGUF v3 file: metadata, and a directory of tensors whose bytes stay in the file.
//
// Opening maps the file and checks everything that a reader relies on: magic and version, every
// count and length against the file, known types, unique names, alignment, tensors inside the file
// and apart from one another. Tensor bytes are not touched until somebody asks for them. A file
// that is truncated while it is open fails ReadTensor, but kills who reads TensorBytes.
//
// Immutable once open: any number of threads may read. Views and spans live as long as the Gguf.

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "gonka/base/bytes.h"
#include "gonka/base/status.h"
#include "gonka/model/tensor_type.h"

namespace gonka::model {

enum class GgufType : uint32_t {
  kUint8 = 0,
  kInt8 = 1,
  kUint16 = 2,
  kInt16 = 3,
  kUint32 = 4,
  kInt32 = 5,
  kFloat32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kUint64 = 10,
  kInt64 = 11,
  kFloat64 = 12,
};

// Elements are checked when the file is opened, but decoded only when asked for.
struct GgufArray {
  GgufType element = GgufType::kUint8;
  uint64_t count = 0;
  ByteSpan bytes;
};

// Integers of every width are widened, floats become double.
using GgufValue = std::variant<uint64_t, int64_t, double, bool, std::string_view, GgufArray>;

struct GgufTensor {
  std::string name;
  // Outermost dimension first, as in a row-major array: {rows, columns}. GGML writes it reversed.
  std::vector<uint64_t> shape;
  TensorType type = TensorType::kF32;
  uint64_t offset = 0;  // From the start of the file.
  uint64_t size = 0;    // Bytes.
};

class Gguf {
 public:
  static constexpr uint64_t kMetadataMax = 1 << 16;  // Pairs.
  static constexpr uint64_t kTensorsMax = 1 << 16;
  static constexpr uint64_t kKeyBytesMax = 65535;
  static constexpr uint64_t kTensorNameBytesMax = 64;
  static constexpr uint32_t kDimensionsMax = 4;
  static constexpr uint32_t kArrayDepthMax = 4;

  // NotFound where there is no such file, InvalidArgument where it is not a sound GGUF file. Every
  // message starts with the path and names the thing and its value.
  static absl::StatusOr<std::shared_ptr<const Gguf>> Open(const std::string& path);
  // The same for a file held in memory; name stands for the path in messages.
  static absl::StatusOr<std::shared_ptr<const Gguf>> FromBytes(std::string name, Bytes bytes);
  ~Gguf();

  const std::string& path() const;
  const std::map<std::string, GgufValue, std::less<>>& metadata() const;
  bool Has(std::string_view key) const;

  // NotFound where the key is missing, InvalidArgument where the value is of another kind. Uint
  // takes integers of all widths that are not negative, Float floats of both widths.
  absl::StatusOr<uint64_t> Uint(std::string_view key) const;
  absl::StatusOr<double> Float(std::string_view key) const;
  absl::StatusOr<bool> Bool(std::string_view key) const;
  absl::StatusOr<std::string_view> String(std::string_view key) const;
  absl::StatusOr<std::vector<std::string_view>> Strings(std::string_view key) const;
  absl::StatusOr<std::vector<int64_t>> Ints(std::string_view key) const;
  absl::StatusOr<std::vector<float>> Floats(std::string_view key) const;  // Of 32 bits.

  const std::vector<GgufTensor>& tensors() const;  // Ascending by name.
  const GgufTensor* FindTensor(std::string_view name) const;
  ByteSpan TensorBytes(const GgufTensor& tensor) const;
  // A copy of the tensor's bytes from offset on. DataLoss where the file lost them meanwhile.
  absl::Status ReadTensor(const GgufTensor& tensor, uint64_t offset, std::span<uint8_t> out) const;

 private:
  struct Parsed;
  explicit Gguf(std::unique_ptr<Parsed> parsed);
  std::unique_ptr<Parsed> parsed_;
};

}  // namespace gonka::model
