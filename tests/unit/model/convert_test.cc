#include "gonka/model/convert.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "gonka/model/manifest.h"
#include "gonka/model/quantize.h"

using namespace gonka;
using namespace gonka::model;

namespace {

namespace fs = std::filesystem;

// A folder of its own, gone with the test.
class Scratch {
 public:
  Scratch() : path_(fs::temp_directory_path() / ("gonka_convert." + std::to_string(::getpid()))) {
    fs::remove_all(path_);
    fs::create_directories(path_);
  }
  ~Scratch() { fs::remove_all(path_); }
  std::string File(const std::string& name) const { return path_ / name; }
  size_t Count() const {
    return static_cast<size_t>(std::distance(fs::directory_iterator(path_), {}));
  }

 private:
  fs::path path_;
};

std::shared_ptr<const Checkpoint> Open(const std::string& path) {
  const auto checkpoint = Checkpoint::Open(path);
  REQUIRE_MESSAGE(checkpoint.ok(), ToString(checkpoint.status()));
  return *checkpoint;
}

const std::string kTiny = GONKA_SOURCE_DIR "/examples/tiny/tiny.gguf";

// A folder of tests/golden/families, with a tokenizer of 256 bytes and no more.
std::string FamilyWithTokenizer(const Scratch& scratch, const std::string& family) {
  const std::string folder = scratch.File(family);
  fs::copy(GONKA_SOURCE_DIR "/tests/golden/families/" + family, folder);
  nlohmann::json vocab;
  for (int i = 0; i < 26; ++i) vocab[std::string(1, static_cast<char>('a' + i))] = i;
  const nlohmann::json tokenizer = {
      {"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", nlohmann::json::array()}}},
      {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", true}}}};
  std::ofstream(folder + "/tokenizer.json") << tokenizer;
  return folder;
}

}  // namespace

TEST_CASE("numbers are narrowed to the very bytes that GGML gives") {
  std::ifstream file(GONKA_SOURCE_DIR "/tests/golden/model/quantize.json");
  REQUIRE(file.good());
  const auto vectors = nlohmann::json::parse(file);
  CHECK(vectors.size() == 5);
  const TensorType types[] = {TensorType::kF32, TensorType::kF16, TensorType::kBF16,
                              TensorType::kQ8_0, TensorType::kQ4_0};
  for (size_t i = 0; i < vectors.size(); ++i) {
    const auto floats = FromHex(vectors[i]["floats"].get<std::string>());
    const auto expected = FromHex(vectors[i]["bytes"].get<std::string>());
    REQUIRE((floats && expected));
    std::vector<float> values(floats->size() / 4);
    std::memcpy(values.data(), floats->data(), floats->size());
    Bytes bytes(expected->size());
    REQUIRE(vectors[i]["type"] == std::string(TensorTypeName(types[i])));
    REQUIRE(Quantize(types[i], values, bytes).ok());
    CHECK_MESSAGE(bytes == *expected, TensorTypeName(types[i]));
  }
}

TEST_CASE("every half survives being a float, and floats between two go to the nearer") {
  for (uint32_t half = 0; half < 0x10000; ++half) {
    const float value = HalfToFloat(static_cast<uint16_t>(half));
    if (!std::isnan(value)) CHECK(FloatToHalf(value) == half);
  }
  const std::pair<float, uint16_t> table[] = {
      {65519.0F, 0x7BFF},   {65520.0F, 0x7C00},   {-1e30F, 0xFC00},       {0x1p-25F, 0x0000},
      {0x1.8p-25F, 0x0001}, {0x1.8p-24F, 0x0002}, {0x1.ffcp-15F, 0x0400}, {1.00048828125F, 0x3C00}};
  for (const auto& [value, half] : table) CHECK_MESSAGE(FloatToHalf(value) == half, value);
}

TEST_CASE("what a type cannot hold is refused") {
  Bytes bytes(34);
  std::vector<float> values(32, 1e38F);
  CHECK(Message(Quantize(TensorType::kQ8_0, values, bytes)) ==
        "a value near 1e+38 is beyond type Q8_0");
  CHECK(Message(Quantize(TensorType::kQ8_0, std::span(values).first(31), bytes)) ==
        "31 values do not fit 34 bytes of type Q8_0 (blocks of 32 values in 34 bytes)");
  CHECK(Message(Quantize(TensorType::kQ6_K, values, bytes)) ==
        "type Q6_K can be read, but not written");
}

TEST_CASE("a checkpoint written again has the same manifest, from a file and from a folder") {
  const Scratch scratch;
  std::vector<std::string> sources = {kTiny};
  for (const char* family :
       {"llama2", "llama-linear", "mistral", "mixtral", "qwen2", "qwen3", "qwen3-moe"}) {
    sources.push_back(FamilyWithTokenizer(scratch, family));
  }
  for (size_t i = 0; i < sources.size(); ++i) {
    CAPTURE(sources[i]);
    const auto source = Open(sources[i]);
    const std::string path = scratch.File(std::to_string(i) + ".gguf");
    uint64_t seen = 0;
    uint64_t expected = 0;
    const absl::Status written = WriteGguf(*source, path, {.progress = [&](auto done, auto total) {
      seen = done;
      expected = total;
    }});
    REQUIRE_MESSAGE(written.ok(), ToString(written));
    CHECK(seen == expected);
    CHECK(fs::file_size(path) == expected);
    const Manifest before = ComputeManifest(*source).value();
    const Manifest after = ComputeManifest(*Open(path)).value();
    CHECK(after.tensors == before.tensors);
    CHECK(after.tokenizer == before.tokenizer);
    CHECK(after.chat_template == before.chat_template);
    // A folder without a window may count the layers that have none.
    const bool counts = source->config().full_attention_layers > 0;
    CHECK((ManifestHash(after) == ManifestHash(before)) != counts);
  }
}

TEST_CASE("narrower matrices stay near, and norms stay as they are") {
  const Scratch scratch;
  const auto source = Open(kTiny);
  const std::pair<TensorType, float> table[] = {{TensorType::kF32, 0.0F},
                                                {TensorType::kF16, 0.001F},
                                                {TensorType::kBF16, 0.004F},
                                                {TensorType::kQ8_0, 0.005F},
                                                {TensorType::kQ4_0, 0.13F}};
  for (const auto& [type, tolerance] : table) {
    const std::string path = scratch.File(std::string(TensorTypeName(type)));
    const absl::Status written = WriteGguf(*source, path, {.type = type});
    REQUIRE_MESSAGE(written.ok(), ToString(written));
    const auto narrow = Open(path);
    CHECK(narrow->Find("output_norm.weight")->type == source->Find("output_norm.weight")->type);
    CHECK(narrow->Find("blk.0.attn_q.weight")->type == type);
    const auto before = *source->ReadTensor("blk.0.attn_q.weight");
    const auto after = *narrow->ReadTensor("blk.0.attn_q.weight");
    float largest = 0;
    float error = 0;
    for (size_t i = 0; i < before.size(); ++i) {
      largest = std::max(largest, std::fabs(before[i]));
      error = std::max(error, std::fabs(before[i] - after[i]));
    }
    CHECK_MESSAGE(error <= tolerance * largest, TensorTypeName(type));
  }
}

TEST_CASE("what GGUF has no words for is refused, and no file is left") {
  const Scratch scratch;
  const std::string path = scratch.File("x.gguf");
  const auto refusal = [&](const std::string& source, ConvertOptions options = {}) {
    const absl::Status status = WriteGguf(*Open(source), path, options);
    const std::string text = Message(status);
    return text.substr(text.find(": ") + 2);
  };
  const std::string llama3 = FamilyWithTokenizer(scratch, "llama3");
  CHECK(refusal(llama3) == "GGUF has no words for rope_scaling of type llama3");
  const std::string qwen2 = FamilyWithTokenizer(scratch, "qwen2");
  nlohmann::json tokenizer;
  std::ifstream(qwen2 + "/tokenizer.json") >> tokenizer;
  tokenizer["normalizer"] = {{"type", "NFC"}};
  std::ofstream(qwen2 + "/tokenizer.json") << tokenizer;
  CHECK(refusal(qwen2) == "GGUF has no words for its tokenizer");
  const std::string window = FamilyWithTokenizer(scratch, "qwen2-window");
  CHECK(refusal(window) == "GGUF has no words for its config");
  CHECK(Message(WriteGguf(*Open(kTiny), path, {.type = TensorType::kQ6_K})) ==
        "type Q6_K can be read, but not written");
  CHECK(Message(WriteGguf(*Open(kTiny), qwen2)) == qwen2 + " exists already");
  CHECK(scratch.Count() == 3);
}
