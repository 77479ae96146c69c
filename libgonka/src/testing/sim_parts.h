#pragma once

// What a simulated node has instead of a disk, a tokenizer and a terminal.

#include <deque>
#include <map>
#include <vector>

#include "gonka/node/keep.h"

namespace gonka::testing {

// Tokens are bytes; one more id ends an answer.
inline constexpr uint32_t kByteVocabulary = 257;
inline constexpr uint32_t kByteStopId = 256;

class ByteText final : public node::TextModel {
 public:
  absl::StatusOr<std::vector<uint32_t>> PromptTokens(
      const CanonicalRequest& request) const override;
  std::vector<uint32_t> StopIds() const override { return {kByteStopId}; }
  std::unique_ptr<StopWatch> WatchStops(std::span<const std::string> stop) const override;
};

class MemoryKeep final : public node::Keep {
 public:
  absl::Status Put(const InferenceId& inference, uint64_t epoch, const Item& item) override;
  std::optional<Item> Get(const InferenceId& inference) const override;
  void DropEpoch(uint64_t epoch) override;
  size_t size() const { return items_.size(); }

  // As of store::MemoryDisk.
  void SyncEvery(uint32_t writes) { sync_every_ = writes; }
  void SetFull(bool full) { full_ = full; }
  void LoseUnsynced(size_t kept);

 private:
  std::map<InferenceId, std::pair<uint64_t, Item>> items_;
  std::vector<InferenceId> unsynced_;
  uint32_t sync_every_ = 1;
  bool full_ = false;
};

// Keeps the last lines, to show them when something goes wrong.
class SimLog final : public Log {
 public:
  SimLog(std::string name, const Loop& clock) : name_(std::move(name)), clock_(clock) {}
  void Write(LogLevel level, std::string_view message) override;
  const std::deque<std::string>& lines() const { return lines_; }

 private:
  const std::string name_;
  const Loop& clock_;
  std::deque<std::string> lines_;
};

}  // namespace gonka::testing
