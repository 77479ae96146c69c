#pragma once

// Serves a developer's request through another participant: draws the executor from the ledger,
// sends it the input first, records Start while it computes, passes tokens on as they come, and
// records what was delivered. Nothing here waits for a block.

#include <map>

#include "gonka/node/agent.h"
#include "gonka/node/environment.h"
#include "gonka/node/keep.h"
#include "gonka/node/messages.h"
#include "gonka/node/recorder.h"
#include "gonka/node/request_numbers.h"

namespace gonka::node {

struct TransferAgentOptions {
  int64_t accept_timeout_us = 3'000'000;    // Accept or refusal; then the next attempt.
  int64_t silence_timeout_us = 60'000'000;  // Between two frames of an accepted answer.
  int64_t start_delay_us = 20'000;  // How long Start waits for the Accept that it may carry.
  size_t in_flight_max = 1'024;
};

class TransferAgent final : public Agent {
 public:
  TransferAgent(Environment env, LedgerPort ledger, const Identity& self, NetworkId network,
                const ServedModels& models, Recorder& recorder, Keep& keep,
                TransferAgentOptions options = {});
  ~TransferAgent() override;

  Ticket OnRequest(ClientRequest request, AnswerEvents events) override;
  // The executor is told, and what was produced is paid.
  void Cancel(Ticket ticket) override;
  size_t in_flight() const { return in_flight_.size(); }

 private:
  struct InFlight {
    ClientRequest client;
    AnswerEvents events;
    std::vector<uint32_t> prompt;
    Hash request_salt;
    Assignment assignment;
    Signature ta_signature;
    Transport::CallId call = 0;
    Loop::TimerId start_timer = 0;
    Loop::TimerId silence_timer = 0;
    bool sequence_taken = false;
    bool start_recorded = false;  // Of this attempt.
    bool accept_recorded = false;
    bool start_ever_recorded = false;  // Of any.
    std::optional<Signature> accept;
    std::optional<Signature> refusal;
    OutputTokens output;
    uint32_t acknowledged = 0;  // Of output.
    uint32_t cancelled_at = 0;  // Where client_gone.
    bool completed = false;
    bool client_gone = false;
  };

  absl::Status Prepare(InFlight& job);
  absl::Status WriteRequest(InFlight& job, const ledger::View& view,
                            const ledger::Allowance& allowance);
  absl::Status TakeOrder(InFlight& job, const ledger::View& view,
                         const ledger::Allowance& allowance);
  absl::Status DrawExecutor(InFlight& job) const;
  absl::Status Dispatch(Ticket ticket, InFlight& job);
  void OnFrame(Ticket ticket, Bytes frame);
  void OnCallDone(Ticket ticket, absl::Status status);
  void OnAccepted(Ticket ticket, InFlight& job, const Accepted& accepted);
  void OnProduced(Ticket ticket, InFlight& job, const Produced& produced);
  void Acknowledge(InFlight& job);
  void Say(const InFlight& job, const char* method, uint32_t tokens, const Hash& signing_hash);
  void OnCompleted(Ticket ticket, InFlight& job, const Completed& completed);
  void NextAttempt(Ticket ticket, InFlight& job, const absl::Status& why);
  void RecordStart(InFlight& job);
  bool IsSignedBy(const AccountId& account, const Hash& hash, const Signature& signature) const;
  void Deliver(const InFlight& job, const Completed& completed);
  void WatchSilence(Ticket ticket, InFlight& job);
  void Finish(Ticket ticket, absl::StatusOr<Answer> result);
  std::optional<Peer> PeerOf(const AccountId& id) const;
  RequestNumbers::Line LineOf(const AccountId& developer) const {
    return {.developer = developer, .ta = self_.account};
  }
  void GiveSequenceBack(const InFlight& job);
  verify::Artifact OpenableArtifact(const InferenceId& id, const InFlight& job,
                                    const Completed& completed) const;

  Environment env_;
  LedgerPort ledger_;
  const Identity& self_;
  NetworkId network_;
  const ServedModels& models_;
  Recorder& recorder_;
  Keep& keep_;
  TransferAgentOptions options_;
  std::map<Ticket, InFlight> in_flight_;  // At most options.in_flight_max.
  RequestNumbers numbers_;
  Ticket next_ticket_ = 1;
  std::shared_ptr<bool> alive_;
};

}  // namespace gonka::node
