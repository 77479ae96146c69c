#pragma once

// What anybody may use: a node's public HTTP endpoints.

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "gonka/http/client.h"
#include "gonka/protocol/block.h"

namespace gonka::apps {

using Json = nlohmann::json;

struct Timing {
  double first_token_ms = 0;
  double total_ms = 0;
  uint32_t tokens = 0;

  // Tokens a second after the first one.
  double Rate() const;
};

struct ChatAnswer {
  std::string text;
  std::string finish_reason;
  uint32_t prompt_tokens = 0;
  Timing timing;
  Json receipt;  // The "gonka" object.
};

struct ChatRequest {
  std::string model;
  std::string question;
  uint32_t max_tokens = 32;
  double temperature = 0.7;
  std::optional<uint64_t> seed;
};
// The JSON body that a stock client would send.
Json ChatBody(const ChatRequest& request);

class NodeApi {
 public:
  NodeApi(http::Client& client, std::string url) : client_(&client), url_(std::move(url)) {}

  const std::string& url() const { return url_; }
  absl::StatusOr<Json> Get(const std::string& path) const;
  // Asks, streamed, as a stock client does.
  absl::StatusOr<ChatAnswer> Chat(const std::string& api_key, const ChatRequest& request) const;
  // The sender's next sequence number.
  absl::StatusOr<uint64_t> NextSequence(const AccountId& account) const;
  absl::Status Submit(const SignedTx& tx) const;
  absl::StatusOr<InclusionProof> Prove(const std::string& query) const;

 private:
  http::Client* client_;
  std::string url_;
};

// Follows an event stream until destroyed; connects again, where it stopped, when it breaks.
class EventLog {
 public:
  // url with its query; api_key may be empty.
  EventLog(http::Client& client, std::string url, std::string api_key);
  ~EventLog();

  // Everything so far: {"height", "index", "notice": {"kind", ...}, "text"?}.
  std::vector<Json> All() const;
  // Those of one kind.
  std::vector<Json> OfKind(const std::string& kind) const;
  // Everything since the last Take, which is then forgotten.
  std::vector<Json> Take();

 private:
  void Run();

  http::Client& client_;
  const std::string url_;
  const std::string api_key_;
  std::atomic<bool> stop_{false};
  mutable std::mutex mutex_;
  std::vector<Json> events_;
  std::shared_ptr<http::OngoingCall> call_;
  std::thread thread_;
};

double NowMs();

}  // namespace gonka::apps
