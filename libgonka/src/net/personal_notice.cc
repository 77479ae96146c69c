#include "net/personal_notice.h"

#include <fmt/format.h>

#include "gonka/ledger/queries.h"

namespace gonka::net {
namespace {

// What a search for "did it serve me" may look at.
constexpr size_t kPage = 256;
constexpr size_t kRecordsMax = 65'536;

bool ServedByRecords(const store::Snapshot& snapshot, const Convicted& convicted,
                     const AccountId& developer) {
  InferenceId after;
  for (size_t seen = 0; seen < kRecordsMax;) {
    const auto records = ledger::ListRecords(snapshot, convicted.epoch, after, kPage);
    for (const auto& [id, record] : records) {
      if (record.assignment.executor == convicted.accused &&
          record.assignment.request.developer == developer) {
        return true;
      }
    }
    if (records.size() < kPage) return false;
    after = records.back().first;
    seen += records.size();
  }
  return false;
}

struct Teller {
  const store::Snapshot& snapshot;
  const AccountId& developer;
  using Sentence = std::optional<std::string>;

  std::optional<ledger::InferenceRecord> Mine(const InferenceId& id) const {
    auto record = ledger::FindRecord(snapshot, id);
    if (record && record->assignment.request.developer != developer) return std::nullopt;
    return record;
  }
  // For notices that say which inference they are about.
  template <class Notice, class Tell>
  Sentence AboutMine(const Notice& notice, const Tell& tell) const {
    const auto record = Mine(notice.inference);
    if (!record) return std::nullopt;
    return fmt::format("Inference {} {}.", ShortHex(notice.inference), tell(*record));
  }

  Sentence operator()(const Refunded& n) const {
    if (n.developer != developer) return std::nullopt;
    static constexpr const char* kWhy[] = {
        "was shorter than what was set aside for it",
        "was not answered in time",
        "was found invalid",
        "was served by a participant that has been convicted of cheating",
        "was disputed and no decision came about",
        "should have been checked and nobody did"};
    static_assert(std::size(kWhy) == kEnumEnd<RefundReason>);
    return fmt::format("Inference {} {}: {} units came back to you.", ShortHex(n.inference),
                       kWhy[static_cast<size_t>(n.reason)], n.amount.units());
  }
  Sentence operator()(const Convicted& n) const {
    if (!ServedByRecords(snapshot, n, developer)) return std::nullopt;
    return fmt::format(
        "Participant {}, which served you in epoch {}, was convicted of cheating ({}); answers "
        "of its that nobody had validated are refunded when the epoch is settled.",
        ShortHex(n.accused), n.epoch, NameOf(n.cause));
  }
  Sentence operator()(const RecordOpened& n) const {
    if (n.developer != developer) return std::nullopt;
    return fmt::format("Inference {} is on the ledger: executor {}, {} units set aside.",
                       ShortHex(n.inference), ShortHex(n.executor), n.escrow.units());
  }
  Sentence operator()(const RecordFinished& n) const {
    return AboutMine(n, [&](const auto&) {
      return fmt::format("was answered with {} tokens for {} units", n.output_tokens,
                         n.cost.units());
    });
  }
  Sentence operator()(const RecordDelivered& n) const {
    return AboutMine(n, [&](const auto&) {
      if (!n.matches) return "was delivered";
      return *n.matches ? "was delivered as it was committed to"
                        : "was delivered otherwise than it was committed to";
    });
  }
  Sentence operator()(const CheckDrawn& n) const {
    return AboutMine(n, [&](const auto&) {
      return n.selected ? "was drawn to be checked" : "was not drawn to be checked";
    });
  }
  Sentence operator()(const RecheckDrawn& n) const {
    return AboutMine(n, [&](const auto&) { return "is checked once more"; });
  }
  Sentence operator()(const VerdictRevealed& n) const {
    return AboutMine(n, [&](const auto&) {
      return fmt::format("was checked by {}: {}", ShortHex(n.validator), NameOf(n.verdict));
    });
  }
  Sentence operator()(const DisputeOpened& n) const {
    return AboutMine(n, [&](const auto&) {
      return fmt::format("is disputed: {} accuses {} ({})", ShortHex(n.accuser),
                         ShortHex(n.accused), NameOf(n.cause));
    });
  }
  Sentence operator()(const CommitteeDrawn& n) const {
    return AboutMine(n, [&](const auto&) {
      return fmt::format("is before a committee of {} seats", n.seats.size());
    });
  }
  Sentence operator()(const DisputeDecided& n) const {
    return AboutMine(n, [&](const auto&) {
      return fmt::format("was decided upon: the dispute is {} ({} seats for fail, {} for pass)",
                         NameOf(n.outcome), n.fail_seats, n.pass_seats);
    });
  }
  Sentence operator()(const RecordExpired& n) const {
    return AboutMine(n, [&](const auto&) {
      return fmt::format("expired: executor {} did not finish it", ShortHex(n.executor));
    });
  }
  template <class Other>
  Sentence operator()(const Other&) const {
    return std::nullopt;
  }
};

}  // namespace

std::optional<std::string> TellDeveloper(const store::Snapshot& snapshot, const Notice& notice,
                                         const AccountId& developer) {
  return std::visit(Teller{snapshot, developer}, notice);
}

}  // namespace gonka::net
