#include "ledger/pricing.h"

#include <algorithm>

#include "gonka/rewards/price.h"

namespace gonka::ledger {
namespace {

uint64_t Micro(Amount price) {
  return rewards::FinePrice::Of(price).micro_units;
}

rewards::PriceParams ParamsOf(const PricingParams& params, const Pricing& pricing) {
  return {.stable_from = params.stable_from,
          .stable_to = params.stable_to,
          .elasticity = params.elasticity,
          .step_max = params.step_max,
          .epoch_factor = params.epoch_factor,
          .floor = pricing.floor,
          .ceiling = pricing.ceiling};
}

// The part of the capacity in use, rounded down; ten times is as much as a thousand times.
Ppm UseOf(uint64_t load, uint64_t capacity, uint32_t window_blocks) {
  constexpr uint32_t kUseMax = 10 * Ppm::kOne;
  const auto full = static_cast<unsigned __int128>(capacity) * window_blocks;
  const auto used = static_cast<unsigned __int128>(load) * Ppm::kOne / full;
  return Ppm{used > kUseMax ? kUseMax : static_cast<uint32_t>(used)};
}

Pricing Next(const Pricing& now, const PricingParams& params) {
  Pricing next = now;
  const Ppm used = UseOf(now.load, now.capacity_tokens, params.window_blocks);
  next.price =
      rewards::NextPrice(ParamsOf(params, now), {now.price}, {now.epoch_start}, used).micro_units;
  next.epoch_low = std::min(next.epoch_low, next.price);
  next.load -= next.load / params.window_blocks;
  return next;
}

// Spares the state a write that changes nothing.
void Store(BlockState& state, const Key& key, const Pricing& next) {
  if (!(state.pricing.Get(key) == next)) state.pricing.Change(key) = next;
}

}  // namespace

void SetTerms(BlockState& state, const ModelInfo& model, const ModelInfo* before) {
  const Key key = keys::OfPricing(model.id);
  const uint64_t floor = Micro(model.price_floor);
  const uint64_t ceiling = Micro(model.price_ceiling);
  Pricing pricing;
  if (before != nullptr) pricing = state.pricing.Get(key);
  if (before == nullptr || before->price != model.price) pricing.price = Micro(model.price);
  pricing.price = std::clamp(pricing.price, floor, ceiling);
  if (before == nullptr) pricing.last_low = pricing.price;
  pricing.epoch_start = pricing.price;
  pricing.epoch_low = pricing.price;
  pricing.load = model.capacity_tokens == 0 ? 0 : pricing.load;
  pricing.capacity_tokens = model.capacity_tokens;
  pricing.floor = model.price_floor;
  pricing.ceiling = model.price_ceiling;
  state.pricing.Put(key, pricing);
}

ModelPrice PriceIn(const Pricing& pricing) {
  return {.now = rewards::FinePrice{pricing.price}.Rounded(),
          .low = rewards::FinePrice{pricing.epoch_low}.Rounded(),
          .last_low = rewards::FinePrice{pricing.last_low}.Rounded()};
}

std::variant<Amount, TxCode> PriceFor(BlockState& state, const Request& request) {
  const ModelPrice price = PriceIn(state.pricing.Get(keys::OfPricing(request.model)));
  const bool last_epoch = request.epoch < state.chain.epoch;
  const Amount lowest = last_epoch ? std::min(price.low, price.last_low) : price.low;
  if (request.price_cap < lowest) return TxCode::kPriceAboveCap;
  return std::min(price.now, request.price_cap);
}

void CountUse(BlockState& state, const ModelId& model, uint64_t tokens) {
  const Key key = keys::OfPricing(model);
  if (state.pricing.Get(key).capacity_tokens > 0) state.pricing.Change(key).load += tokens;
}

void BeginPriceEpoch(BlockState& state) {
  for (const Key& key : state.pricing.Keys(Key('f'))) {
    Pricing next = state.pricing.Get(key);
    next.last_low = next.epoch_low;
    next.epoch_start = next.price;
    next.epoch_low = next.price;
    Store(state, key, next);
  }
}

void MovePrices(BlockState& state) {
  for (const Key& key : state.pricing.Keys(Key('f'))) {
    const Pricing& now = state.pricing.Get(key);
    if (now.capacity_tokens > 0) Store(state, key, Next(now, state.params.pricing));
  }
}

}  // namespace gonka::ledger
