#include "gonka/model/gguf.h"

#include <algorithm>
#include <cstring>

#include "fmt/format.h"
#include "gguf_parser.h"
#include "gonka/base/check.h"
#include "mapped_file.h"

namespace gonka::model {

struct Gguf::Parsed {
  std::string path;
  std::unique_ptr<MappedFile> mapped;  // One of these two holds the bytes.
  Bytes in_memory;
  ByteSpan file;
  GgufContents contents;
};

namespace {

constexpr const char* kKinds[] = {"an integer", "an integer", "a float",
                                  "a bool",     "a string",   "an array"};

absl::Status WrongKind(const Gguf& gguf, std::string_view key, const char* wanted,
                       const GgufValue& found) {
  return absl::InvalidArgumentError(fmt::format("{}: metadata \"{}\" must be {}, it is {}",
                                                gguf.path(), key, wanted, kKinds[found.index()]));
}

absl::StatusOr<const GgufValue*> FindValue(const Gguf& gguf, std::string_view key) {
  const auto found = gguf.metadata().find(key);
  if (found == gguf.metadata().end()) {
    return absl::NotFoundError(fmt::format("{}: metadata \"{}\" is missing", gguf.path(), key));
  }
  return &found->second;
}

template <class T>
absl::StatusOr<T> Get(const Gguf& gguf, std::string_view key, const char* wanted) {
  GONKA_ASSIGN_OR_RETURN(const GgufValue* value, FindValue(gguf, key));
  if (const T* typed = std::get_if<T>(value)) return *typed;
  return WrongKind(gguf, key, wanted, *value);
}

}  // namespace

Gguf::Gguf(std::unique_ptr<Parsed> parsed) : parsed_(std::move(parsed)) {}
Gguf::~Gguf() = default;

absl::StatusOr<std::shared_ptr<const Gguf>> Gguf::Open(const std::string& path) {
  auto parsed = std::make_unique<Parsed>();
  parsed->path = path;
  GONKA_ASSIGN_OR_RETURN(parsed->mapped, MappedFile::Open(path));
  parsed->file = parsed->mapped->bytes();
  absl::StatusOr<GgufContents> contents = ParseGguf(parsed->file);
  if (!contents.ok()) return Annotate(contents.status(), path);
  parsed->contents = *std::move(contents);
  return std::shared_ptr<const Gguf>(new Gguf(std::move(parsed)));
}

absl::StatusOr<std::shared_ptr<const Gguf>> Gguf::FromBytes(std::string name, Bytes bytes) {
  auto parsed = std::make_unique<Parsed>();
  parsed->path = std::move(name);
  parsed->in_memory = std::move(bytes);
  parsed->file = parsed->in_memory;
  absl::StatusOr<GgufContents> contents = ParseGguf(parsed->file);
  if (!contents.ok()) return Annotate(contents.status(), parsed->path);
  parsed->contents = *std::move(contents);
  return std::shared_ptr<const Gguf>(new Gguf(std::move(parsed)));
}

const std::string& Gguf::path() const {
  return parsed_->path;
}

const std::map<std::string, GgufValue, std::less<>>& Gguf::metadata() const {
  return parsed_->contents.metadata;
}

bool Gguf::Has(std::string_view key) const {
  return metadata().contains(key);
}

absl::StatusOr<uint64_t> Gguf::Uint(std::string_view key) const {
  GONKA_ASSIGN_OR_RETURN(const GgufValue* value, FindValue(*this, key));
  if (const uint64_t* wide = std::get_if<uint64_t>(value)) return *wide;
  const int64_t* wide = std::get_if<int64_t>(value);
  if (wide == nullptr) return WrongKind(*this, key, "an integer", *value);
  if (*wide < 0) {
    return absl::InvalidArgumentError(
        fmt::format("{}: metadata \"{}\" must not be negative, it is {}", path(), key, *wide));
  }
  return static_cast<uint64_t>(*wide);
}

absl::StatusOr<double> Gguf::Float(std::string_view key) const {
  return Get<double>(*this, key, "a float");
}

absl::StatusOr<bool> Gguf::Bool(std::string_view key) const {
  return Get<bool>(*this, key, "a bool");
}

absl::StatusOr<std::string_view> Gguf::String(std::string_view key) const {
  return Get<std::string_view>(*this, key, "a string");
}

absl::StatusOr<std::vector<std::string_view>> Gguf::Strings(std::string_view key) const {
  GONKA_ASSIGN_OR_RETURN(const GgufArray array, Get<GgufArray>(*this, key, "an array of strings"));
  if (array.element != GgufType::kString) {
    return absl::InvalidArgumentError(
        fmt::format("{}: metadata \"{}\" must be an array of strings", path(), key));
  }
  return ArrayStrings(array);
}

absl::StatusOr<std::vector<int64_t>> Gguf::Ints(std::string_view key) const {
  GONKA_ASSIGN_OR_RETURN(const GgufArray array, Get<GgufArray>(*this, key, "an array of integers"));
  std::optional<std::vector<int64_t>> ints = ArrayInts(array);
  if (!ints) {
    return absl::InvalidArgumentError(
        fmt::format("{}: metadata \"{}\" must be an array of integers", path(), key));
  }
  return *std::move(ints);
}

absl::StatusOr<std::vector<float>> Gguf::Floats(std::string_view key) const {
  GONKA_ASSIGN_OR_RETURN(const GgufArray array, Get<GgufArray>(*this, key, "an array of floats"));
  std::optional<std::vector<float>> floats = ArrayFloats(array);
  if (!floats) {
    return absl::InvalidArgumentError(
        fmt::format("{}: metadata \"{}\" must be an array of floats", path(), key));
  }
  return *std::move(floats);
}

const std::vector<GgufTensor>& Gguf::tensors() const {
  return parsed_->contents.tensors;
}

const GgufTensor* Gguf::FindTensor(std::string_view name) const {
  const auto found = std::lower_bound(
      tensors().begin(), tensors().end(), name,
      [](const GgufTensor& tensor, std::string_view wanted) { return tensor.name < wanted; });
  return found != tensors().end() && found->name == name ? &*found : nullptr;
}

ByteSpan Gguf::TensorBytes(const GgufTensor& tensor) const {
  return parsed_->file.subspan(tensor.offset, tensor.size);
}

absl::Status Gguf::ReadTensor(const GgufTensor& tensor, uint64_t offset,
                              std::span<uint8_t> out) const {
  GONKA_CHECK(offset <= tensor.size && out.size() <= tensor.size - offset);
  if (parsed_->mapped) return parsed_->mapped->Read(tensor.offset + offset, out);
  std::memcpy(out.data(), parsed_->file.data() + tensor.offset + offset, out.size());
  return absl::OkStatus();
}

}  // namespace gonka::model
