// Whole forward passes against the plain reference, bit for bit.

#include "exact/logits.h"
#include "kernels/reference_forward.h"

namespace gonka::engine {
namespace {

const std::vector<std::pair<Precision, reference::As>> kPrecisions = {
    {Precision::kFile, reference::As::kFile},
    {Precision::kFp32, reference::As::kF32},
    {Precision::kBf16, reference::As::kBf16},
    {Precision::kInt8, reference::As::kInt8}};

// On every instruction set.
void CheckAgainstReference(const model::Checkpoint& checkpoint, size_t tokens, Precision precision,
                           reference::As as) {
  const auto ids = SomeTokens(tokens, checkpoint.config().vocab);
  const auto expected = reference::Model(checkpoint, as).Logits(ids);
  for (const kernels::Kernels* kernels : kernels::AvailableKernels()) {
    CAPTURE(kernels->name);
    const auto logits =
        LogitsOf(checkpoint, ids, {.kernels = kernels, .precision = precision, .chunk = 13});
    CHECK(Differences(logits, expected) == 0);
  }
}

TEST_CASE("every family's logits are the reference's, past windows and blocks of attention") {
  for (const char* family : {"llama2", "llama3", "llama-linear", "mistral", "mixtral", "qwen2",
                             "qwen2-window", "qwen3", "qwen3-moe"}) {
    CAPTURE(family);
    const auto checkpoint =
        model::Checkpoint::Open(std::string(GONKA_SOURCE_DIR "/tests/golden/families/") + family)
            .value();
    CheckAgainstReference(*checkpoint, 300, Precision::kFile, reference::As::kFile);
  }
}

TEST_CASE("the tiny model's logits are the reference's in every precision") {
  for (const auto& [precision, as] : kPrecisions) {
    CAPTURE(static_cast<int>(precision));
    CheckAgainstReference(*Tiny(), 20, precision, as);
  }
}

TEST_CASE("SmolLM2's logits, in four bits as the file has them, are the reference's") {
  const char* path = std::getenv("GONKA_SMOLLM2");
  if (path == nullptr) {
    MESSAGE("skipped: GONKA_SMOLLM2 is not set");
    return;
  }
  CheckAgainstReference(*model::Checkpoint::Open(path).value(), 3, Precision::kFile,
                        reference::As::kFile);
}

}  // namespace
}  // namespace gonka::engine
