#pragma once

// Logits as the forward pass gives them, without a scheduler.

#include <vector>

#include "engine/ask.h"
#include "engine/exact/forward.h"

namespace gonka::engine {

struct How {
  const kernels::Kernels* kernels = kernels::AvailableKernels().front();
  Precision precision = Precision::kFile;
  uint32_t threads = 1;
  size_t chunk = 64;
};

inline std::unique_ptr<ForwardPass> PassOf(const model::Checkpoint& checkpoint, const How& how) {
  LocalOptions local;
  local.threads = how.threads;
  local.precision = how.precision;
  return exact::ExactPass::Load(checkpoint, local,
                                {.context = checkpoint.config().context, .kernels = how.kernels})
      .value();
}

// Those that follow each token.
inline std::vector<std::vector<float>> LogitsOf(ForwardPass& pass, std::span<const uint32_t> tokens,
                                                size_t chunk) {
  std::vector<std::vector<float>> logits;
  const auto cache = pass.NewCache(tokens.size()).value();
  for (size_t begin = 0; begin < tokens.size(); begin += chunk) {
    const Piece piece{.cache = cache.get(),
                      .tokens = tokens.subspan(begin, std::min(chunk, tokens.size() - begin))};
    const absl::Status status =
        pass.Forward(std::span(&piece, 1), [&](size_t, size_t, std::span<const float> row) {
          logits.emplace_back(row.begin(), row.end());
        });
    REQUIRE_MESSAGE(status.ok(), ToString(status));
  }
  return logits;
}

inline std::vector<std::vector<float>> LogitsOf(const model::Checkpoint& checkpoint,
                                                std::span<const uint32_t> tokens, const How& how) {
  return LogitsOf(*PassOf(checkpoint, how), tokens, how.chunk);
}

inline std::vector<uint32_t> SomeTokens(size_t count, uint32_t vocabulary, uint32_t seed = 1) {
  std::vector<uint32_t> tokens;
  for (size_t i = 0; i < count; ++i) {
    seed = seed * 1664525 + 1013904223;
    tokens.push_back((seed >> 8) % vocabulary);
  }
  return tokens;
}

// Numbers that differ by a bit; a NaN differs from everything.
inline size_t Differences(const std::vector<std::vector<float>>& a,
                          const std::vector<std::vector<float>>& b) {
  REQUIRE(a.size() == b.size());
  size_t different = 0;
  for (size_t t = 0; t < a.size(); ++t) {
    REQUIRE(a[t].size() == b[t].size());
    for (size_t i = 0; i < a[t].size(); ++i) {
      different += std::bit_cast<uint32_t>(a[t][i]) != std::bit_cast<uint32_t>(b[t][i]) ||
                   a[t][i] != a[t][i];
    }
  }
  return different;
}

}  // namespace gonka::engine
