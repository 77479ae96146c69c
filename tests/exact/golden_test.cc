// One hash of logits for each checked-in checkpoint: on every machine, with every compiler. A
// change here is another kernel class, and needs another name.

#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <fstream>
#include <map>
#include <sstream>

#include "exact/logits.h"

namespace gonka::engine {
namespace {

uint64_t HashOf(const std::vector<std::vector<float>>& logits) {
  uint64_t hash = 14695981039346656037ULL;
  size_t broken = 0;
  for (const auto& row : logits) {
    for (const float logit : row) {
      broken += !std::isfinite(logit);
      const uint32_t bits = std::bit_cast<uint32_t>(logit);
      for (int byte = 0; byte < 4; ++byte) {
        hash = (hash ^ (bits >> (8 * byte) & 255)) * 1099511628211ULL;
      }
    }
  }
  CHECK(broken == 0);
  return hash;
}

// Lines of tests/golden/logits.txt: a name, a precision, FNV-1a of the logits' bytes.
const std::map<std::string, uint64_t>& Golden() {
  static const auto golden = [] {
    std::map<std::string, uint64_t> hashes;
    std::ifstream file(GONKA_SOURCE_DIR "/tests/golden/logits.txt");
    for (std::string line; std::getline(file, line);) {
      if (line.empty() || line[0] == '#') continue;
      std::istringstream words(line);
      std::string name, precision;
      uint64_t hash = 0;
      words >> name >> precision >> std::hex >> hash;
      hashes[name + " " + precision] = hash;
    }
    return hashes;
  }();
  return golden;
}

void CheckHash(const std::string& name, const model::Checkpoint& checkpoint, size_t tokens) {
  const std::vector<std::pair<std::string, Precision>> precisions = {{"file", Precision::kFile},
                                                                     {"f32", Precision::kFp32},
                                                                     {"bf16", Precision::kBf16},
                                                                     {"int8", Precision::kInt8}};
  const auto ids = SomeTokens(tokens, checkpoint.config().vocab);
  for (const auto& [precision_name, precision] : precisions) {
    for (const kernels::Kernels* kernels : kernels::AvailableKernels()) {
      // The plain one takes a second a token.
      if (tokens < 20 && std::string(kernels->name) == "scalar") continue;
      const uint64_t hash =
          HashOf(LogitsOf(checkpoint, ids, {.kernels = kernels, .precision = precision}));
      const auto golden = Golden().find(name + " " + precision_name);
      const bool same = golden != Golden().end() && golden->second == hash;
      CHECK_MESSAGE(same,
                    fmt::format("{} {} {:016x} on {}", name, precision_name, hash, kernels->name));
    }
  }
}

TEST_CASE("logits of checked-in checkpoints hash to the golden numbers in every precision") {
  CheckHash("tiny", *Tiny(), 48);
  for (const char* family : {"llama2", "llama3", "llama-linear", "mistral", "mixtral", "qwen2",
                             "qwen2-window", "qwen3", "qwen3-moe"}) {
    const auto checkpoint =
        model::Checkpoint::Open(std::string(GONKA_SOURCE_DIR "/tests/golden/families/") + family);
    CheckHash(family, **checkpoint, 48);
  }
}

TEST_CASE("SmolLM2's logits hash to the golden numbers") {
  const char* path = std::getenv("GONKA_SMOLLM2");
  if (path == nullptr) {
    MESSAGE("skipped: GONKA_SMOLLM2 is not set");
    return;
  }
  CheckHash("smollm2", *model::Checkpoint::Open(path).value(), 16);
}

}  // namespace
}  // namespace gonka::engine
