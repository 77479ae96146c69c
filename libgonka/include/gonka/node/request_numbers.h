#pragma once

// How a request of a developer to a transfer agent comes about. Which request numbers of an
// allowance are taken, and what they may cost, before the ledger has seen them: whoever writes
// requests (a transfer agent, or a developer that signs its own) must neither use a number twice
// nor spend twice what is left of an allowance within one block.

#include <cstdint>
#include <map>
#include <optional>

#include "gonka/base/loop.h"
#include "gonka/base/status.h"
#include "gonka/ledger/queries.h"

namespace gonka::node {

class RequestNumbers {
 public:
  // Whose numbers: they count per (developer, transfer agent).
  struct Line {
    AccountId developer;
    AccountId ta;
    auto operator<=>(const Line&) const = default;
  };
  struct Taken {
    uint64_t expiry_height = 0;  // After it the request cannot be opened any more.
    Amount escrow;               // What it will lock.
    std::optional<AccountId> signer;
  };
  struct OnTheWay {
    Amount all;
    Amount of_signer;
  };

  // Writes the next request of this line, all but a signature, and takes its number.
  // FailedPrecondition: "insufficient allowance". ResourceExhausted: no number is free.
  struct Draft {
    Request request;
    Hash salt;  // Of its digest.
  };
  absl::StatusOr<Draft> Write(const Line& line, const ledger::View& view,
                              const ledger::Allowance& allowance, const ModelId& model,
                              const CanonicalRequest& request, size_t prompt_tokens,
                              const std::optional<AccountId>& signer, Entropy& entropy);
  // Takes the number of a request that somebody else has written. AlreadyExists: it is used or
  // taken. ResourceExhausted: it is beyond the window. FailedPrecondition: not covered, or expired.
  absl::Status TakeWritten(const ledger::View& view, const ledger::Allowance& allowance,
                           const Request& request, size_t prompt_tokens);
  // Only where no attempt is on the ledger or on its way there: then the number is as good as new.
  void GiveBack(const Line& line, uint64_t sequence);

 private:
  // What is taken and not on the ledger yet may cost: all of it, and what this signer ordered. A
  // request that cannot be opened any more gives its number back, so that no gap blocks the window
  // for good. Everything taken must have been covered by the allowance at the time.
  OnTheWay OnItsWay(const Line& line, const std::optional<AccountId>& signer,
                    const ledger::Allowance& allowance, uint64_t height);
  // The lowest number within the window of `ahead` that neither the ledger has seen nor anybody
  // took here.
  std::optional<uint64_t> Take(const Line& line, const ledger::Allowance& allowance, uint32_t ahead,
                               const Taken& request);
  // This very number. False where it is used or taken, or beyond the window.
  bool TakeThis(const Line& line, uint64_t sequence, const ledger::Allowance& allowance,
                uint32_t ahead, const Taken& request);

  std::map<Line, std::map<uint64_t, Taken>> taken_;
};

// Whether prompt and answer fit into the model's context.
absl::Status CheckContext(const ModelInfo& model, size_t prompt_tokens, uint32_t tokens_max);

}  // namespace gonka::node
