#include "testing/sim_parts.h"

#include <fmt/format.h>

namespace gonka::testing {
namespace {

constexpr size_t kLogLinesMax = 2'000;

class ByteStopWatch final : public node::TextModel::StopWatch {
 public:
  explicit ByteStopWatch(std::span<const std::string> stop) : stop_(stop.begin(), stop.end()) {
    for (const std::string& text : stop_) longest_ = std::max(longest_, text.size());
  }

  bool OnToken(uint32_t id) override {
    if (id >= kByteStopId) return false;
    tail_.push_back(static_cast<char>(id));
    if (tail_.size() > longest_) tail_.erase(0, tail_.size() - longest_);
    for (const std::string& text : stop_) {
      if (!text.empty() && tail_.ends_with(text)) return true;
    }
    return false;
  }

 private:
  const std::vector<std::string> stop_;
  size_t longest_ = 1;
  std::string tail_;
};

}  // namespace

absl::StatusOr<std::vector<uint32_t>> ByteText::PromptTokens(
    const CanonicalRequest& request) const {
  if (!request.prompt_tokens.empty()) {
    for (const uint32_t id : request.prompt_tokens) {
      if (id < kByteVocabulary) continue;
      return absl::InvalidArgumentError(
          fmt::format("prompt token {} is above {}", id, kByteStopId));
    }
    return request.prompt_tokens;
  }
  std::string text = request.prompt;
  for (const ChatMessage& message : request.messages) {
    text += message.role + ": " + message.content + "\n";
  }
  if (text.empty()) return absl::InvalidArgumentError("the prompt is empty");
  const ByteSpan bytes = AsBytes(text);
  return std::vector<uint32_t>(bytes.begin(), bytes.end());
}

std::unique_ptr<node::TextModel::StopWatch> ByteText::WatchStops(
    std::span<const std::string> stop) const {
  if (stop.empty()) return nullptr;
  return std::make_unique<ByteStopWatch>(stop);
}

absl::Status MemoryKeep::Put(const InferenceId& inference, uint64_t epoch, const Item& item) {
  if (full_) return absl::ResourceExhaustedError("the disk is full");
  items_[inference] = {epoch, item};
  unsynced_.push_back(inference);
  if (sync_every_ > 0 && unsynced_.size() >= sync_every_) unsynced_.clear();
  return absl::OkStatus();
}

void MemoryKeep::LoseUnsynced(size_t kept) {
  for (size_t i = kept; i < unsynced_.size(); ++i) items_.erase(unsynced_[i]);
  unsynced_.clear();
}

std::optional<node::Keep::Item> MemoryKeep::Get(const InferenceId& inference) const {
  const auto found = items_.find(inference);
  if (found == items_.end()) return std::nullopt;
  return found->second.second;
}

void MemoryKeep::DropEpoch(uint64_t epoch) {
  std::erase_if(items_, [&](const auto& entry) { return entry.second.first <= epoch; });
}

void SimLog::Write(LogLevel level, std::string_view message) {
  constexpr const char* kLevels[] = {"debug", "info", "WARNING", "ERROR"};
  if (lines_.size() == kLogLinesMax) lines_.pop_front();
  lines_.push_back(fmt::format("{:>10.3f} {} {}: {}", static_cast<double>(clock_.NowUs()) / 1e6,
                               name_, kLevels[static_cast<size_t>(level)], message));
}

}  // namespace gonka::testing
