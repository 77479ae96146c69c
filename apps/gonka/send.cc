#include <fmt/format.h>

#include <chrono>
#include <thread>

#include "common/key.h"
#include "gonka/commands.h"

namespace gonka::cli {
namespace {

constexpr auto kPoll = std::chrono::milliseconds(100);
constexpr auto kPatience = std::chrono::seconds(30);
constexpr uint64_t kSequenceAttempts = 8;

// The codes of a transaction's events, once it is in a block after `from`.
absl::StatusOr<std::vector<std::string>> FindReceipts(const NodeApi& api, uint64_t& from,
                                                      const std::string& tx) {
  GONKA_ASSIGN_OR_RETURN(const Json status, api.Get("/gonka/v1/status"));
  const uint64_t height = status.value("height", uint64_t{0});
  for (; from < height; ++from) {
    GONKA_ASSIGN_OR_RETURN(const Json block, api.Get(fmt::format("/gonka/v1/block/{}", from + 1)));
    std::vector<std::string> codes;
    for (const Json& receipt : block.value("receipts", Json::array())) {
      if (receipt.value("tx", "") == tx) codes.push_back(receipt.value("code", ""));
    }
    if (!codes.empty()) return codes;
  }
  return std::vector<std::string>();
}

// Transactions go to whoever orders.
absl::StatusOr<NodeApi> SequencerOf(const Context& context, const Json& status) {
  const NodeApi api = context.Api();
  GONKA_ASSIGN_OR_RETURN(const Json participants, api.Get("/gonka/v1/participants"));
  for (const Json& one : participants.value("participants", Json::array())) {
    if (one.value("id", "") == status.value("sequencer", "")) {
      return NodeApi(*context.client, one.value("endpoint", context.node));
    }
  }
  return api;
}

// Waits until a block after `from` has it.
absl::Status SendOnce(const NodeApi& api, const NodeApi& sequencer, uint64_t from,
                      const SignedTx& tx) {
  GONKA_RETURN_IF_ERROR(sequencer.Submit(tx));
  const std::string hash = Hex(HashOf(tx));
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < deadline) {
    GONKA_ASSIGN_OR_RETURN(const std::vector<std::string> codes, FindReceipts(api, from, hash));
    for (const std::string& code : codes) {
      if (code != "ok") {
        return absl::FailedPreconditionError(fmt::format("the ledger refused it: {}", code));
      }
    }
    if (!codes.empty()) return absl::OkStatus();
    std::this_thread::sleep_for(kPoll);
  }
  return absl::DeadlineExceededError(fmt::format("transaction {} is in no block yet", hash));
}

}  // namespace

absl::StatusOr<FixedBytes<32>> ParseHash(const std::string& what, const std::string& text) {
  const auto hash = FixedFromHex<32>(text);
  if (hash) return *hash;
  return absl::InvalidArgumentError(
      fmt::format("{} must be 64 lower-case hex digits, is '{}'", what, text));
}

absl::StatusOr<AccountId> ParseAccount(const std::string& text) {
  if (const auto id = FixedFromHex<32>(text)) return AccountId{*id};
  const auto key = apps::ReadKey(text);
  if (key.ok()) return AccountOf(key->public_key());
  return absl::InvalidArgumentError(
      fmt::format("'{}' is neither an account (64 hex digits) nor a key file ({})", text,
                  Message(key.status())));
}

absl::Status SendEvents(const Context& context, const std::string& key_path,
                        std::vector<Event> events, std::optional<AccountId> acts_for) {
  GONKA_ASSIGN_OR_RETURN(const KeyPair key, apps::ReadKey(key_path));
  const NodeApi api = context.Api();
  GONKA_ASSIGN_OR_RETURN(const Json status, api.Get("/gonka/v1/status"));
  GONKA_ASSIGN_OR_RETURN(const auto network, ParseHash("network", status.value("network", "")));
  GONKA_ASSIGN_OR_RETURN(const NodeApi sequencer, SequencerOf(context, status));
  // A node that runs on the same key takes numbers, too. A transaction whose number was taken has
  // done nothing, so it is safe to sign it again under another.
  absl::Status sent;
  for (uint64_t attempt = 0; attempt < kSequenceAttempts; ++attempt) {
    GONKA_ASSIGN_OR_RETURN(const uint64_t next, api.NextSequence(AccountOf(key.public_key())));
    sent = SendOnce(api, sequencer, status.value("height", uint64_t{0}),
                    SignTx(key, NetworkId{network}, next + attempt, events, acts_for));
    if (Message(sent).find(TxCodeName(TxCode::kSequenceUsed)) == std::string::npos) return sent;
  }
  return sent;
}

}  // namespace gonka::cli
