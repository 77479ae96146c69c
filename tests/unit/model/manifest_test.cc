#include "gonka/model/manifest.h"

#include <doctest/doctest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "gguf_builder.h"

using namespace gonka;
using namespace gonka::model;
using gonka::model::test::GgufBuilder;
namespace fs = std::filesystem;

namespace {

constexpr const char* kTiny = GONKA_SOURCE_DIR "/examples/tiny/tiny.gguf";

GgufBuilder Described(std::string_view name, std::string_view chat_template) {
  GgufBuilder gguf;
  gguf.String("general.name", name).String("general.architecture", "llama");
  gguf.Uint("llama.block_count", 1).Uint("llama.embedding_length", 8);
  gguf.Uint("llama.attention.head_count", 2).Uint("llama.attention.head_count_kv", 1);
  gguf.Uint("llama.feed_forward_length", 12).Uint("llama.context_length", 64);
  gguf.Float("llama.attention.layer_norm_rms_epsilon", 1e-5f);
  gguf.String("tokenizer.ggml.model", "gpt2").String("tokenizer.ggml.pre", "smollm");
  gguf.Strings("tokenizer.ggml.tokens",
               {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "ab"});
  gguf.Ints("tokenizer.ggml.token_type", std::vector<int32_t>(16, 1));
  gguf.Strings("tokenizer.ggml.merges", {"a b"});
  gguf.String("tokenizer.chat_template", chat_template);
  return gguf;
}

Manifest ManifestOf(GgufBuilder builder, ManifestOptions options = {}) {
  const auto gguf = Gguf::FromBytes("x.gguf", builder.Build());
  REQUIRE_MESSAGE(gguf.ok(), ToString(gguf.status()));
  const auto checkpoint = Checkpoint::FromGguf(*gguf);
  REQUIRE_MESSAGE(checkpoint.ok(), ToString(checkpoint.status()));
  const auto manifest = ComputeManifest(**checkpoint, options);
  REQUIRE_MESSAGE(manifest.ok(), ToString(manifest.status()));
  return *manifest;
}

class Folder {
 public:
  Folder() {
    std::string pattern = (fs::temp_directory_path() / "gonka-manifest-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    path = pattern;
  }
  ~Folder() { fs::remove_all(path); }
  fs::path path;
};

}  // namespace

TEST_CASE("a manifest covers what a checkpoint is, not how its file is described or laid out") {
  GgufBuilder builder = Described("one", "t");
  const Manifest manifest = ManifestOf(test::LlamaTensors(builder));
  GgufBuilder renamed = Described("another", "t");
  CHECK(ManifestOf(test::LlamaTensors(renamed)) == manifest);

  GgufBuilder reordered = Described("one", "t");
  auto shapes = test::LlamaShapes();
  std::reverse(shapes.begin(), shapes.end());
  for (const auto& [name, shape] : shapes) {
    uint64_t elements = 1;
    for (const uint64_t length : shape) elements *= length;
    std::vector<float> values(elements);
    for (uint64_t i = 0; i < elements; ++i) values[i] = static_cast<float>(i);
    reordered.Tensor(name, shape, TensorType::kF32, test::FloatBytes(values));
  }
  CHECK(ManifestOf(reordered) == manifest);
  CHECK(ManifestOf(reordered, {.threads = 7}) == manifest);
}

TEST_CASE("one changed weight or one changed character of the template changes the manifest") {
  GgufBuilder builder = Described("one", "t");
  const Manifest manifest = ManifestOf(test::LlamaTensors(builder));
  GgufBuilder other_template = Described("one", "u");
  const Manifest changed = ManifestOf(test::LlamaTensors(other_template));
  CHECK(changed.chat_template != manifest.chat_template);
  CHECK(changed.tensors == manifest.tensors);

  GgufBuilder weights = Described("one", "t");
  test::LlamaTensors(weights, "output_norm.weight");
  std::vector<float> norm = {0, 1, 2, 3, 4, 5, 6, 8};
  weights.Tensor("output_norm.weight", {8}, TensorType::kF32, test::FloatBytes(norm));
  const Manifest reweighted = ManifestOf(weights);
  CHECK(reweighted.tensors != manifest.tensors);
  CHECK(reweighted.tokenizer == manifest.tokenizer);
  CHECK(ManifestHash(reweighted) != ManifestHash(manifest));
}

TEST_CASE("hashes of parts are pinned") {
  // These bytes are on ledgers. See libgonka/doc/manifest.md.
  CHECK(Hex(HashChatTemplate("{{ x }}")) ==
        "f0c520f4069024be4b72be46ed583cb60a15534e6a5caaf32d2b796f1c6211fe");
  CHECK(Hex(HashConfig({.architecture = "llama",
                        .layers = 1,
                        .hidden = 8,
                        .heads = 2,
                        .kv_heads = 1,
                        .head_dim = 4,
                        .ffn = 12,
                        .vocab = 16,
                        .context = 64,
                        .rms_eps = 1e-5f,
                        .rope_theta = 1e4f,
                        .tied_embeddings = true})) ==
        "0596b48ef55907477791d3c03c76f8b170ca69ceb282b80a7559ea5903150eb7");
  GgufBuilder builder = Described("one", "t");
  const Manifest manifest = ManifestOf(test::LlamaTensors(builder));
  CHECK(Hex(manifest.tokenizer) ==
        "562110c8709e64dad67a60c0362047097802b42f96e05804ebba81545d8ae0fa");
  CHECK(Hex(manifest.tensors) ==
        "4126ff1d79eb3f27ae7078d9d1b69e3dcc43bbb9376b31984dd37eaa6d0d7fb8");
  CHECK(Hex(ManifestHash(manifest)) ==
        "cb8b1f612d854ea4aa9c2fb0c50b4782edbc24ea46a755203a7f3d59ecb925bb");
}

TEST_CASE("a manifest is remembered until the file changes") {
  const Folder folder;
  const fs::path copy = folder.path / "copy.gguf";
  fs::copy_file(kTiny, copy);
  int hashed = 0;
  const ManifestOptions options{.threads = 2,
                                .progress = [&](uint64_t, uint64_t) { ++hashed; },
                                .cache_directory = (folder.path / "cache").string()};
  const auto hash = [&] {
    hashed = 0;
    const auto checkpoint = Checkpoint::Open(copy);
    REQUIRE(checkpoint.ok());
    const auto manifest = ManifestHash(**checkpoint, options);
    REQUIRE_MESSAGE(manifest.ok(), ToString(manifest.status()));
    return *manifest;
  };
  const Hash first = hash();
  CHECK(hashed > 0);
  CHECK(hash() == first);
  CHECK(hashed == 0);

  SUBCASE("a newer file is hashed again") {
    fs::last_write_time(copy, fs::last_write_time(copy) + std::chrono::seconds(1));
    CHECK(hash() == first);
    CHECK(hashed > 0);
  }
  SUBCASE("a damaged entry is not believed") {
    for (const auto& entry : fs::directory_iterator(folder.path / "cache")) {
      fs::resize_file(entry.path(), fs::file_size(entry.path()) - 1);
    }
    CHECK(hash() == first);
    CHECK(hashed > 0);
  }
}

TEST_CASE("progress ends at the total") {
  const auto checkpoint = Checkpoint::Open(kTiny);
  REQUIRE(checkpoint.ok());
  uint64_t last = 0;
  uint64_t total = 0;
  const ManifestOptions options{.threads = 3, .progress = [&](uint64_t done, uint64_t all) {
                                  CHECK(done > last);
                                  last = done;
                                  total = all;
                                }};
  REQUIRE(ManifestHash(**checkpoint, options).ok());
  CHECK(last == total);
  CHECK(total > 0);
}

TEST_CASE("a cache that cannot be written is an error that names the file") {
  const auto checkpoint = Checkpoint::Open(kTiny);
  REQUIRE(checkpoint.ok());
  const auto hash = ManifestHash(**checkpoint, {.cache_directory = "/proc/nowhere"});
  REQUIRE_FALSE(hash.ok());
  CHECK(Message(hash.status()).find("/proc/nowhere/") != std::string::npos);
}

TEST_CASE("SmolLM2's manifest is pinned") {
  const char* path = std::getenv("GONKA_SMOLLM2");
  if (path == nullptr) {
    MESSAGE("skipped: GONKA_SMOLLM2 is not set");
    return;
  }
  const auto checkpoint = Checkpoint::Open(path);
  REQUIRE(checkpoint.ok());
  CHECK(Hex(*ManifestHash(**checkpoint)) ==
        "b309e68dd02ef8303abf3864a8fedeea8bd066e50d4be2748d5ef1cb451240e2");
}
