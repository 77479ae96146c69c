#include "gonka/testing/sim_network.h"

#include <fmt/format.h>

#include <algorithm>

#include "gonka/crypto/hash.h"

namespace gonka::testing {

class SimNetwork::CallReply final : public Reply {
 public:
  CallReply(SimNetwork& network, CallId id, std::shared_ptr<bool> cancelled)
      : network_(network), id_(id), cancelled_(std::move(cancelled)) {}
  ~CallReply() override { Finish(absl::UnavailableError("the call was dropped")); }

  void Send(Bytes frame) override {
    if (!finished_) network_.SendFrame(id_, std::move(frame));
  }
  void Finish(absl::Status status) override {
    if (!std::exchange(finished_, true)) network_.SendDone(id_, std::move(status));
  }
  bool Cancelled() const override { return *cancelled_; }

 private:
  SimNetwork& network_;
  const CallId id_;
  const std::shared_ptr<bool> cancelled_;
  bool finished_ = false;
};

class SimNetwork::NodeTransport final : public Transport {
 public:
  NodeTransport(SimNetwork& network, const Hash& node) : network_(network), node_(node) {}

  CallId Call(const Peer& peer, std::string_view method, Bytes request, CallEvents events,
              CallOptions options) override {
    return network_.Begin(node_, peer, method, std::move(request), std::move(events), options);
  }
  void Cancel(CallId call) override { network_.Forget(call); }

 private:
  SimNetwork& network_;
  const Hash node_;
};

SimNetwork::SimNetwork(SimClock& clock, uint64_t sim_seed, LinkOptions links)
    : clock_(clock), random_(sim_seed), links_(links) {}
SimNetwork::~SimNetwork() = default;

std::unique_ptr<Transport> SimNetwork::TransportOf(const Hash& node) {
  return std::make_unique<NodeTransport>(*this, node);
}

void SimNetwork::Connect(const Hash& node, Handler handler) {
  nodes_[node] = std::move(handler);
}

void SimNetwork::Disconnect(const Hash& node) {
  nodes_.erase(node);
  std::vector<CallId> at_it;
  std::vector<CallId> of_it;
  for (const auto& [id, call] : calls_) {
    if (call.from == node) {
      of_it.push_back(id);
    } else if (call.to == node) {
      at_it.push_back(id);
    }
  }
  for (const CallId id : of_it) Forget(id);
  for (const CallId id : at_it) SendDone(id, absl::UnavailableError("the connection broke"));
}

bool SimNetwork::IsCut(const Hash& a, const Hash& b) const {
  if (cut_.contains(a) || cut_.contains(b)) return true;
  if (groups_.empty()) return false;
  const auto group = [&](const Hash& node) {
    const auto found = groups_.find(node);
    return found == groups_.end() ? 0 : found->second;
  };
  return group(a) != group(b);
}

void SimNetwork::Note(const Hash& from, const Hash& to, ByteSpan bytes) {
  transcript_ = TaggedHash("gonka/sim-transcript/1", transcript_,
                           static_cast<uint64_t>(clock_.now_us()), from, to, Blake2b(bytes));
}

int64_t SimNetwork::Delay() {
  const auto spread = static_cast<uint64_t>(links_.delay_max_us - links_.delay_min_us);
  return links_.delay_min_us + static_cast<int64_t>(random_.Below(spread + 1));
}

SimNetwork::CallId SimNetwork::Begin(const Hash& from, const Peer& peer, std::string_view method,
                                     Bytes request, CallEvents events, CallOptions options) {
  const CallId id = ++last_call_;
  Call& call = calls_[id];
  call.from = from;
  call.to = peer.id;
  call.events = std::move(events);
  call.cancelled = std::make_shared<bool>(false);
  const int64_t now = clock_.now_us();
  call.first_frame_timer = clock_.At(now + options.first_frame_timeout_us, [this, id] {
    End(id, absl::DeadlineExceededError("no answer in time"));
  });
  call.total_timer = clock_.At(now + options.total_timeout_us, [this, id] {
    End(id, absl::DeadlineExceededError("the answer took too long"));
  });
  if (IsCut(from, peer.id) || random_.Chance(links_.loss)) return id;
  const bool twice = random_.Chance(links_.duplicate);
  const auto arrive = [this, id, from, to = peer.id, method = std::string(method),
                       request = std::move(request), cancelled = call.cancelled](CallId answered) {
    Arrive(answered, from, to, method, request, cancelled);
  };
  if (twice) clock_.At(now + Delay(), [arrive] { arrive(0); });
  const int64_t late = random_.Chance(links_.late) ? links_.late_us : 0;
  clock_.At(now + Delay() + late, [arrive, id] { arrive(id); });
  return id;
}

void SimNetwork::Arrive(CallId id, const Hash& from, const Hash& to, const std::string& method,
                        const Bytes& request, std::shared_ptr<bool> cancelled) {
  const auto node = nodes_.find(to);
  if (node == nodes_.end()) {
    return SendDone(id, absl::UnavailableError(fmt::format("{} is down", ShortHex(to))));
  }
  Note(from, to, request);
  const Handler handler = node->second;  // It may disconnect itself.
  handler(method, from, request, std::make_shared<CallReply>(*this, id, std::move(cancelled)));
}

std::optional<int64_t> SimNetwork::NextArrival(Call& call) {
  if (IsCut(call.from, call.to)) call.stalled = true;
  if (call.stalled) return std::nullopt;
  call.last_arrival_us = std::max(call.last_arrival_us, clock_.now_us() + Delay());
  return call.last_arrival_us;
}

void SimNetwork::SendFrame(CallId id, Bytes frame) {
  const auto found = calls_.find(id);
  if (found == calls_.end()) return;
  if (random_.Chance(links_.loss)) {
    return SendDone(id, absl::UnavailableError("the connection broke"));
  }
  const auto arrival = NextArrival(found->second);
  if (!arrival) return;
  clock_.At(*arrival, [this, id, frame = std::move(frame)]() mutable {
    const auto call = calls_.find(id);
    if (call == calls_.end()) return;
    Note(call->second.to, call->second.from, frame);
    clock_.Cancel(call->second.first_frame_timer);
    const auto on_frame = call->second.events.on_frame;  // It may cancel the call.
    on_frame(std::move(frame));
  });
}

void SimNetwork::SendDone(CallId id, absl::Status status) {
  const auto found = calls_.find(id);
  if (found == calls_.end()) return;
  const auto arrival = NextArrival(found->second);
  if (!arrival) return;
  found->second.stalled = true;  // Nothing follows the end.
  clock_.At(*arrival, [this, id, status = std::move(status)] { End(id, status); });
}

void SimNetwork::End(CallId id, const absl::Status& status) {
  const auto found = calls_.find(id);
  if (found == calls_.end()) return;
  const auto on_done = std::move(found->second.events.on_done);
  Forget(id);
  on_done(status);
}

// The answering end notices a little later, unless it cannot be reached.
void SimNetwork::Forget(CallId id) {
  const auto found = calls_.find(id);
  if (found == calls_.end()) return;
  const Call& call = found->second;
  clock_.Cancel(call.first_frame_timer);
  clock_.Cancel(call.total_timer);
  if (!IsCut(call.from, call.to)) {
    clock_.At(clock_.now_us() + Delay(), [cancelled = call.cancelled] { *cancelled = true; });
  }
  calls_.erase(found);
}

}  // namespace gonka::testing
