#pragma once

// Serves a developer's request through another participant: draws the executor from the ledger,
// sends it the input first, records Start while it computes, passes tokens on as they come, and
// records what was delivered. Nothing here waits for a block.

#include <map>

#include "gonka/node/environment.h"
#include "gonka/node/keep.h"
#include "gonka/node/messages.h"
#include "gonka/node/recorder.h"

namespace gonka::node {

struct TransferAgentOptions {
  int64_t accept_timeout_us = 3'000'000;    // Accept or refusal; then the next attempt.
  int64_t silence_timeout_us = 60'000'000;  // Between two frames of an accepted answer.
  int64_t start_delay_us = 20'000;  // How long Start waits for the Accept that it may carry.
  size_t in_flight_max = 1'024;
};

struct ClientRequest {
  AccountId developer;
  // Signs the request, where a sub-account of the developer sends it.
  std::optional<KeyPair> sub_account = std::nullopt;
  ModelId model;
  CanonicalRequest request;
  uint8_t top_logprobs = 0;
  // The request's prompt tokens, where the caller has them already (rendering a long prompt takes
  // time that the loop has better uses for). Empty: rendered here.
  std::vector<uint32_t> prompt = {};
};

struct Answer {
  InferenceId inference;
  AccountId executor;
  uint8_t attempt = 0;
  FinishCode finish = FinishCode::kStop;
  uint32_t prompt_tokens = 0;
  uint32_t output_tokens = 0;
  Hash request_digest;
  Hash output_digest;
  Hash output_salt;
  Hash artifact_root;
  Signature executor_signature;  // Over DeliverySigningHash.
  AccountId executor_key;        // Whose signature it is: the executor's own, or its node key.
};

// On the loop. on_tokens may be called any number of times between on_accepted and on_done.
struct AnswerEvents {
  std::function<void(const InferenceId&, const AccountId& executor, uint8_t attempt,
                     uint32_t prompt_tokens)>
      on_accepted;
  std::function<void(std::span<const ProducedToken>)> on_tokens;
  std::function<void(absl::StatusOr<Answer>)> on_done;  // Exactly once, last.
};

class TransferAgent {
 public:
  using Ticket = uint64_t;

  TransferAgent(Environment env, LedgerPort ledger, const Identity& self, NetworkId network,
                const ServedModels& models, Recorder& recorder, Keep& keep,
                TransferAgentOptions options = {});
  ~TransferAgent();

  // Errors for the developer: InvalidArgument (request), NotFound (model), PermissionDenied (no
  // allowance), FailedPrecondition (allowance not ready, or too small: "insufficient allowance"),
  // ResourceExhausted (too many in flight), Unavailable (no executor answered).
  Ticket OnRequest(ClientRequest request, AnswerEvents events);
  // The client hung up. No more events come; the executor is told, and what was produced is paid.
  void Cancel(Ticket ticket);
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
    bool completed = false;
    bool client_gone = false;
  };

  absl::Status Prepare(InFlight& job);
  absl::Status DrawExecutor(InFlight& job) const;
  absl::Status Dispatch(Ticket ticket, InFlight& job);
  void OnFrame(Ticket ticket, Bytes frame);
  void OnCallDone(Ticket ticket, absl::Status status);
  void OnAccepted(Ticket ticket, InFlight& job, const Accepted& accepted);
  void OnProduced(Ticket ticket, InFlight& job, const Produced& produced);
  void OnCompleted(Ticket ticket, InFlight& job, const Completed& completed);
  void NextAttempt(Ticket ticket, InFlight& job, const absl::Status& why);
  void RecordStart(InFlight& job);
  bool IsSignedBy(const AccountId& account, const Hash& hash, const Signature& signature) const;
  void Deliver(const InFlight& job, const Completed& completed);
  void WatchSilence(Ticket ticket, InFlight& job);
  void Finish(Ticket ticket, absl::StatusOr<Answer> result);
  std::optional<Peer> PeerOf(const AccountId& id) const;
  // A request that the ledger has not seen yet.
  struct Taken {
    uint64_t expiry_height = 0;
    Amount escrow;  // What it will lock.
    std::optional<AccountId> signer;
  };
  struct OnTheWay {
    Amount all;
    Amount of_signer;
  };
  OnTheWay RequestsOnTheWay(const AccountId& developer, const std::optional<AccountId>& signer,
                            const ledger::Allowance& allowance, uint64_t height);
  std::optional<uint64_t> TakeSequence(const AccountId& developer,
                                       const ledger::Allowance& allowance, uint32_t ahead,
                                       const Taken& request);
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
  // By developer and request sequence.
  std::map<AccountId, std::map<uint64_t, Taken>> taken_;
  Ticket next_ticket_ = 1;
  std::shared_ptr<bool> alive_;
};

}  // namespace gonka::node
