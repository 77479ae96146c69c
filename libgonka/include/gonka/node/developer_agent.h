#pragma once

// A developer's own agent, for one that wants to trust nobody: signs every request itself, draws a
// transfer agent among those that it has given an allowance, and passes on only what the executor
// that the ledger draws has signed. It needs its own copy of the ledger.
//
// What it cannot prevent: a transfer agent that takes a request and stays silent costs the
// request's escrow until it expires, and then nothing.

#include <map>
#include <set>

#include "gonka/node/agent.h"
#include "gonka/node/environment.h"
#include "gonka/node/request_numbers.h"

namespace gonka::node {

struct DeveloperAgentOptions {
  int64_t accept_timeout_us = 12'000'000;  // Until an executor has accepted; then the next one.
  int64_t answer_timeout_us = 24 * 3'600 * int64_t{1'000'000};
  int64_t silence_timeout_us = 90'000'000;  // Between two frames of an answer.
  uint32_t transfer_agents_max = 3;         // That are tried for one request.
  size_t in_flight_max = 256;
};

class DeveloperAgent final : public Agent {
 public:
  // self: the developer, and its key or a sub-account's. texts: the models that can be asked.
  DeveloperAgent(Environment env, LedgerPort ledger, const Identity& self,
                 std::map<ModelId, std::shared_ptr<const TextModel>> texts,
                 DeveloperAgentOptions options = {});
  ~DeveloperAgent() override;

  // ClientRequest.developer, sub_account and order are ignored: it is this developer's, and signed.
  Ticket OnRequest(ClientRequest request, AnswerEvents events) override;
  void Cancel(Ticket ticket) override;
  size_t in_flight() const { return in_flight_.size(); }

 private:
  struct InFlight {
    ClientRequest client;
    AnswerEvents events;
    Request request;
    Hash salt;
    std::set<AccountId> tried;
    uint32_t asked = 0;  // Transfer agents that were sent it.
    absl::Status last;   // Why the one before came to nothing.
    Transport::CallId call = 0;
    Loop::TimerId silence_timer = 0;
    std::optional<Ordered> ordered;
    OutputTokens output;
  };

  absl::Status Begin(InFlight& job);
  absl::Status Dispatch(Ticket ticket, InFlight& job);
  absl::StatusOr<RequestNumbers::Draft> WriteRequest(InFlight& job, const ledger::View& view);
  void Send(Ticket ticket, InFlight& job, const ledger::View& view);
  absl::StatusOr<AccountId> DrawTransferAgent(const InFlight& job, const ledger::View& view) const;
  void OnFrame(Ticket ticket, const Bytes& bytes);
  absl::Status OnOrdered(InFlight& job, const Ordered& ordered);
  absl::Status OnProduced(InFlight& job, const Produced& produced);
  absl::StatusOr<Answer> OnAnswered(const InFlight& job, const Answered& answered) const;
  void OnCallDone(Ticket ticket, absl::Status status);
  // Another transfer agent, as long as nothing of the answer was shown.
  void TryNext(Ticket ticket, InFlight& job, const absl::Status& why);
  void WatchSilence(Ticket ticket, InFlight& job);
  void Finish(Ticket ticket, absl::StatusOr<Answer> result);

  Environment env_;
  LedgerPort ledger_;
  const Identity self_;
  const std::map<ModelId, std::shared_ptr<const TextModel>> texts_;
  const DeveloperAgentOptions options_;
  std::map<Ticket, InFlight> in_flight_;  // At most options.in_flight_max.
  RequestNumbers numbers_;
  Ticket next_ticket_ = 1;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace gonka::node
