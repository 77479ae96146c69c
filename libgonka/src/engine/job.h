#pragma once

// One request on its way through the scheduler: what it still has to read, what it makes of logits.

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/forward_pass.h"
#include "gonka/engine/engine.h"

namespace gonka::engine {

class Job {
 public:
  virtual ~Job() = default;

  // Tokens of KV cache that it needs in the end.
  virtual size_t CacheTokens() const = 0;
  // Everything known so far that the model has to read; grows by one with each drawn token.
  virtual std::span<const uint32_t> Tokens() const = 0;
  // Logits are wanted that follow Tokens()[i] for every i from here on.
  virtual size_t LogitsBegin() const = 0;
  // True for Generate: somebody waits for its next token.
  virtual bool WritesAnswer() const = 0;
  // Its prompt is read, it takes one token a step.
  virtual bool Answering() const = 0;
  // The logits that follow Tokens()[index]. True: it has ended, Finish comes next.
  virtual bool OnLogits(size_t index, std::span<const float> logits) = 0;
  // The last event. An OK status: it ended by itself. Cancelled: the caller's wish.
  virtual void Finish(const absl::Status& status) = 0;

  // The scheduler's notes.
  Engine::RequestId id = 0;
  std::unique_ptr<KvCache> cache;
  uint64_t kv_bytes = 0;
  size_t read = 0;  // Tokens() up to here are in the cache.
};

std::unique_ptr<Job> MakeGenerateJob(GenerateRequest request, GenerateEvents events);
std::unique_ptr<Job> MakeScoreJob(ScoreRequest request, ScoreEvents events);

}  // namespace gonka::engine
