#pragma once

// A .safetensors file: a length of 8 bytes, a JSON directory of that length, and the tensors' bytes.
//
// Opening checks everything that a reader relies on: lengths against the file, types, that every
// tensor's bytes are what its shape takes, and that the tensors fill the rest of the file without
// gap or overlap, as the format asks for. Tensor bytes are not touched.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gonka/base/bytes.h"
#include "gonka/base/status.h"
#include "gonka/model/tensor_type.h"
#include "mapped_file.h"

namespace gonka::model {

struct SafeTensor {
  std::string dtype;               // "BF16"
  std::optional<TensorType> type;  // Where we can read it.
  std::vector<uint64_t> shape;     // Outermost dimension first; empty for a single number.
  uint64_t offset = 0;             // From the start of the file.
  uint64_t size = 0;               // Bytes.
};
using SafeTensors = std::map<std::string, SafeTensor, std::less<>>;

inline constexpr uint64_t kSafetensorsHeaderMax = 100'000'000;  // The format's own bound.
inline constexpr size_t kSafetensorsRankMax = 8;

// file_size counts the whole file; head is its start, at least 8 bytes and the directory where the
// file has them. Messages do not name the file.
absl::StatusOr<SafeTensors> ParseSafetensors(ByteSpan head, uint64_t file_size);

class SafetensorsFile {
 public:
  static absl::StatusOr<std::unique_ptr<SafetensorsFile>> Open(const std::string& path);

  const MappedFile& file() const { return *file_; }
  const SafeTensors& tensors() const { return tensors_; }

 private:
  SafetensorsFile() = default;

  std::unique_ptr<MappedFile> file_;
  SafeTensors tensors_;
};

}  // namespace gonka::model
