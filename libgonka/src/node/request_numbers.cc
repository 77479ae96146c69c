#include "gonka/node/request_numbers.h"

#include <fmt/format.h>

#include <algorithm>

namespace gonka::node {
namespace {

// The epoch that this one's executors know, too: they may be some blocks behind, and before an
// epoch's first block nobody can tell whom it draws. Records of the last epoch are taken for
// grace_blocks after its end.
uint64_t EpochToOpenIn(const ledger::Chain& chain, const TimeParams& time) {
  constexpr uint64_t kBehindBlocks = 8;
  const uint64_t wait = std::min<uint64_t>(kBehindBlocks, time.grace_blocks / 4);
  const bool fresh = chain.epoch > 0 && chain.height < chain.epoch_first_height + wait;
  return fresh ? chain.epoch - 1 : chain.epoch;
}

uint64_t ExpiryHeight(const ledger::Chain& chain, const TimeParams& time, uint32_t tokens_max) {
  return chain.height + time.expiry_base_blocks + tokens_max / time.expiry_tokens_per_block;
}

// Nothing: more than there can be.
absl::Status CheckFits(const std::optional<Amount>& escrow, Amount on_the_way, Amount available) {
  if (escrow && on_the_way <= available && *escrow <= available - on_the_way) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(fmt::format(
      "insufficient allowance: the request may cost {}, {} is left, of which {} are on their way "
      "to the ledger",
      escrow ? escrow->units() : Amount::kMax, available.units(), on_the_way.units()));
}

// By the allowance, and by what a sub-account may spend, beside what is on its way.
absl::Status CheckCovered(const ledger::View& view, const std::optional<AccountId>& signer,
                          const ledger::Allowance& allowance, const std::optional<Amount>& escrow,
                          const RequestNumbers::OnTheWay& on_the_way) {
  GONKA_RETURN_IF_ERROR(CheckFits(escrow, on_the_way.all, allowance.available));
  if (!signer) return absl::OkStatus();
  const auto delegation = ledger::FindDelegation(view, *signer);
  return CheckFits(escrow, on_the_way.of_signer, delegation ? delegation->cap : Amount());
}

}  // namespace

RequestNumbers::OnTheWay RequestNumbers::OnItsWay(const Line& line,
                                                  const std::optional<AccountId>& signer,
                                                  const ledger::Allowance& allowance,
                                                  uint64_t height) {
  OnTheWay sums;
  const auto found = taken_.find(line);
  if (found == taken_.end()) return sums;
  std::erase_if(found->second, [&](const auto& entry) {
    return ledger::IsUsed(allowance, entry.first) || entry.second.expiry_height < height;
  });
  for (const auto& [sequence, request] : found->second) {
    sums.all += request.escrow;  // Fits: each was taken only where all of them were covered.
    if (signer && request.signer == signer) sums.of_signer += request.escrow;
  }
  if (found->second.empty()) taken_.erase(found);
  return sums;
}

absl::StatusOr<RequestNumbers::Draft> RequestNumbers::Write(
    const Line& line, const ledger::View& view, const ledger::Allowance& allowance,
    const ModelId& model, const CanonicalRequest& request, size_t prompt_tokens,
    const std::optional<AccountId>& signer, Entropy& entropy) {
  const auto price = ledger::FindPrice(view, model);
  if (!price) return absl::NotFoundError(fmt::format("model {} is not on the ledger", Hex(model)));
  const Params params = ledger::ReadParams(view);
  const ledger::Chain chain = ledger::ReadChain(view);
  const auto escrow =
      ledger::EscrowOf(static_cast<uint32_t>(prompt_tokens), request.tokens_max, price->now);
  const OnTheWay on_the_way = OnItsWay(line, signer, allowance, chain.height);
  GONKA_RETURN_IF_ERROR(CheckCovered(view, signer, allowance, escrow, on_the_way));
  const uint64_t expiry_height = ExpiryHeight(chain, params.time, request.tokens_max);
  const auto sequence = Take(line, allowance, params.request_sequence_ahead,
                             {.expiry_height = expiry_height, .escrow = *escrow, .signer = signer});
  if (!sequence) {
    return absl::ResourceExhaustedError(
        fmt::format("{} requests of this account are not on the ledger yet; try again",
                    params.request_sequence_ahead));
  }
  Draft draft;
  entropy.Fill(draft.salt.bytes);
  draft.request = {.network = chain.network,
                   .epoch = EpochToOpenIn(chain, params.time),
                   .model = model,
                   .request_digest = RequestDigest(request, draft.salt),
                   .tokens_max = request.tokens_max,
                   .price_cap = price->now,
                   .expiry_height = expiry_height,
                   .developer = line.developer,
                   .sequence = *sequence,
                   .ta = line.ta,
                   .signer = signer};
  return draft;
}

absl::Status RequestNumbers::TakeWritten(const ledger::View& view,
                                         const ledger::Allowance& allowance, const Request& request,
                                         size_t prompt_tokens) {
  const Line line{.developer = request.developer, .ta = request.ta};
  const auto price = ledger::FindPrice(view, request.model);
  if (!price) {
    return absl::NotFoundError(fmt::format("model {} is not on the ledger", Hex(request.model)));
  }
  const ledger::Chain chain = ledger::ReadChain(view);
  const auto escrow =
      ledger::EscrowOf(static_cast<uint32_t>(prompt_tokens), request.tokens_max, price->now);
  const OnTheWay on_the_way = OnItsWay(line, request.signer, allowance, chain.height);
  GONKA_RETURN_IF_ERROR(CheckCovered(view, request.signer, allowance, escrow, on_the_way));
  if (request.expiry_height <= chain.height) {
    return absl::FailedPreconditionError(fmt::format("the request expired at height {}, this is {}",
                                                     request.expiry_height, chain.height));
  }
  const uint32_t ahead = ledger::ReadParams(view).request_sequence_ahead;
  if (request.sequence >= allowance.sequence_base + ahead) {
    return absl::ResourceExhaustedError(fmt::format("request number {} is too far ahead of {}",
                                                    request.sequence, allowance.sequence_base));
  }
  if (TakeThis(
          line, request.sequence, allowance, ahead,
          {.expiry_height = request.expiry_height, .escrow = *escrow, .signer = request.signer})) {
    return absl::OkStatus();
  }
  return absl::AlreadyExistsError(fmt::format("request number {} is used", request.sequence));
}

absl::Status CheckContext(const ModelInfo& model, size_t prompt_tokens, uint32_t tokens_max) {
  if (prompt_tokens + tokens_max <= model.context) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("{} prompt tokens and max_tokens {} exceed the model's context of {}",
                  prompt_tokens, tokens_max, model.context));
}

std::optional<uint64_t> RequestNumbers::Take(const Line& line, const ledger::Allowance& allowance,
                                             uint32_t ahead, const Taken& request) {
  const uint64_t base = allowance.sequence_base;
  for (uint64_t sequence = base; sequence < base + ahead; ++sequence) {
    if (TakeThis(line, sequence, allowance, ahead, request)) return sequence;
  }
  return std::nullopt;
}

bool RequestNumbers::TakeThis(const Line& line, uint64_t sequence,
                              const ledger::Allowance& allowance, uint32_t ahead,
                              const Taken& request) {
  if (ledger::IsUsed(allowance, sequence) || sequence - allowance.sequence_base >= ahead)
    return false;
  return taken_[line].emplace(sequence, request).second;
}

void RequestNumbers::GiveBack(const Line& line, uint64_t sequence) {
  const auto found = taken_.find(line);
  if (found == taken_.end()) return;
  found->second.erase(sequence);
  if (found->second.empty()) taken_.erase(found);
}

}  // namespace gonka::node
