#pragma once

// What happened in a world so far: told as it goes on, and summed up for what a scenario expects.

#include <map>
#include <nlohmann/json.hpp>

#include "gonka/testing/scenario_run.h"

namespace gonka::testing {

class Chronicle {
 public:
  Chronicle(SimWorld& world, const SimOptions& options, const StoryLine& tell);

  // Takes in what was told since the last time. At least once an epoch.
  void Look();

  struct Pay {
    int64_t fees = 0;
    int64_t emission = 0;
  };
  const std::map<InferenceId, ledger::SettledRecord>& settled() const { return settled_; }
  Pay PayOf(size_t participant) const;
  // Balance, unused allowances and collateral, unbonding or not; against the beginning.
  int64_t GainOf(const AccountId& account) const;
  // "participant 3", "developer 0", "nobody", or its first digits.
  std::string NameOf(const AccountId& account) const;
  // The account of such a name; the name itself where it is none.
  std::string HexOf(const std::string& name) const;
  // How many participants there may be, newcomers who have not joined among them.
  size_t participants() const { return participants_; }

 private:
  int64_t WealthOf(const AccountId& account) const;
  void Note(const Notice& notice);
  void Settle(const EpochSettled& settled);
  void TellNotice(const Notice& notice);
  void TellPay(const EpochSettled& settled);
  void TellRefunds();

  SimWorld& world_;
  const StoryLine& tell_;
  const size_t participants_;
  size_t seen_ = 0;  // Notices.
  std::map<AccountId, std::string> names_;
  std::map<std::string, std::string> accounts_;  // Hex by name.
  std::map<AccountId, int64_t> wealth_at_first_;
  std::vector<InferenceId> open_;
  std::map<InferenceId, ledger::SettledRecord> settled_;
  std::map<AccountId, Pay> pay_;
  std::map<std::pair<AccountId, RefundReason>, std::pair<size_t, int64_t>> refunds_;
  std::vector<Paid> paid_now_;  // Of the epoch that is being settled.
  std::vector<Withheld> withheld_now_;
};

// The notice as JSON, and its kind.
nlohmann::json JsonOf(const Notice& notice);
const char* KindOf(const Notice& notice);

}  // namespace gonka::testing
