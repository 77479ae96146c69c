#pragma once

// What the explorer shows, as JSON text made from one snapshot. NotFound names what is unknown.

#include <string>

#include "gonka/consensus/chain.h"
#include "gonka/store/snapshot.h"

namespace gonka::net {

struct StatusFacts {
  std::string name;
  AccountId participant;
  bool caught_up = false;
};
absl::StatusOr<std::string> StatusView(const store::Snapshot& snapshot, const StatusFacts& facts);
absl::StatusOr<std::string> ParticipantsView(const store::Snapshot& snapshot);
absl::StatusOr<std::string> ModelsView(const store::Snapshot& snapshot);
absl::StatusOr<std::string> EpochView(const store::Snapshot& snapshot, uint64_t epoch);
absl::StatusOr<std::string> InferenceView(const store::Snapshot& snapshot, const InferenceId& id);
absl::StatusOr<std::string> AccountView(const store::Snapshot& snapshot, const AccountId& id);
absl::StatusOr<std::string> DelegationView(const store::Snapshot& snapshot, const AccountId& key);
absl::StatusOr<std::string> ParamsView(const store::Snapshot& snapshot);
absl::StatusOr<std::string> ProposalsView(const store::Snapshot& snapshot);
absl::StatusOr<std::string> OpenCasesView(const store::Snapshot& snapshot);
absl::StatusOr<std::string> CaseView(const store::Snapshot& snapshot, const CaseId& id);
absl::StatusOr<std::string> BlockView(const store::Snapshot& snapshot, uint64_t height);
std::string ProofView(const InclusionProof& proof);

}  // namespace gonka::net
