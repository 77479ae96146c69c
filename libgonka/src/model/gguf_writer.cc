#include "gguf_writer.h"

#include <bit>

namespace gonka::model {
namespace {

constexpr std::string_view kMagic = "GGUF";
constexpr uint32_t kVersion = 3;

void Put(Writer& out, std::string_view text) {
  out.Int(static_cast<uint64_t>(text.size()));
  out.Raw(AsBytes(text));
}

}  // namespace

void GgufWriter::Key(std::string_view key, GgufType type) {
  ++pairs_;
  Put(metadata_, key);
  metadata_.Int(static_cast<uint32_t>(type));
}

void GgufWriter::Array(std::string_view key, GgufType element, size_t count) {
  Key(key, GgufType::kArray);
  metadata_.Int(static_cast<uint32_t>(element));
  metadata_.Int(static_cast<uint64_t>(count));
}

void GgufWriter::Uint(std::string_view key, uint32_t value) {
  Key(key, GgufType::kUint32);
  metadata_.Int(value);
}

void GgufWriter::Float(std::string_view key, float value) {
  Key(key, GgufType::kFloat32);
  metadata_.Int(std::bit_cast<uint32_t>(value));
}

void GgufWriter::Bool(std::string_view key, bool value) {
  Key(key, GgufType::kBool);
  metadata_.U8(value ? 1 : 0);
}

void GgufWriter::String(std::string_view key, std::string_view value) {
  Key(key, GgufType::kString);
  Put(metadata_, value);
}

void GgufWriter::Strings(std::string_view key, const std::vector<std::string>& values) {
  Array(key, GgufType::kString, values.size());
  for (const std::string& value : values) Put(metadata_, value);
}

void GgufWriter::Ints(std::string_view key, const std::vector<int32_t>& values) {
  Array(key, GgufType::kInt32, values.size());
  for (const int32_t value : values) metadata_.Int(static_cast<uint32_t>(value));
}

void GgufWriter::Floats(std::string_view key, const std::vector<float>& values) {
  Array(key, GgufType::kFloat32, values.size());
  for (const float value : values) metadata_.Int(std::bit_cast<uint32_t>(value));
}

void GgufWriter::Tensor(const TensorInfo& tensor, uint64_t bytes) {
  ++tensors_;
  Put(directory_, tensor.name);
  directory_.Int(static_cast<uint32_t>(tensor.shape.size()));
  for (auto length = tensor.shape.rbegin(); length != tensor.shape.rend(); ++length) {
    directory_.Int(*length);
  }
  directory_.Int(static_cast<uint32_t>(tensor.type));
  directory_.Int(tensor_bytes_);
  tensor_bytes_ += Padded(bytes);
}

Bytes GgufWriter::Take() {
  Writer head;
  head.Raw(AsBytes(kMagic));
  head.Int(kVersion);
  head.Int(tensors_);
  head.Int(pairs_);
  Bytes bytes = head.Take();
  for (Writer* part : {&metadata_, &directory_}) {
    const Bytes more = part->Take();
    bytes.insert(bytes.end(), more.begin(), more.end());
  }
  bytes.resize(Padded(bytes.size()));
  return bytes;
}

}  // namespace gonka::model
