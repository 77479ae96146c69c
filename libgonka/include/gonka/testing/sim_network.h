#pragma once

// The network between simulated nodes: delays, loses and duplicates what they say to one another,
// and can be cut. Frames of one call keep their order, as on a connection; calls overtake each
// other.

#include <map>
#include <set>
#include <string>
#include <vector>

#include "gonka/base/transport.h"
#include "gonka/testing/sim_clock.h"

namespace gonka::testing {

// Of every link, in both directions. A lost request times out; a lost frame breaks its call at both
// ends. A duplicated request is answered twice, and the second answer goes nowhere.
struct LinkOptions {
  int64_t delay_min_us = 2'000;
  int64_t delay_max_us = 20'000;
  Ppm loss{0};
  Ppm duplicate{0};
  // Of the requests, how many come late, and by how much: those that follow overtake them.
  Ppm late{0};
  int64_t late_us = 2'000'000;
};

class SimNetwork {
 public:
  using Handler = std::function<void(const std::string& method, const Hash& caller, Bytes request,
                                     std::shared_ptr<Reply> reply)>;

  SimNetwork(SimClock& clock, uint64_t sim_seed, LinkOptions links);
  ~SimNetwork();

  // The node answers calls from now on.
  void Connect(const Hash& node, Handler handler);
  // The process is gone: calls to it fail, calls of it are forgotten, calls at it break.
  void Disconnect(const Hash& node);

  // A cut node hears nobody and is heard by nobody. Nobody is told: calls stall.
  void Cut(const Hash& node) { cut_.insert(node); }
  void Heal(const Hash& node) { cut_.erase(node); }
  // Nodes of different groups do not hear each other, as if cut. Who is named in no group is in
  // group 0; no groups: all is well again.
  void Partition(std::map<Hash, uint32_t> groups) { groups_ = std::move(groups); }
  void SetLinks(LinkOptions links) { links_ = links; }

  // The caller's end of this node. Must not outlive the network.
  std::unique_ptr<Transport> TransportOf(const Hash& node);

  // A hash over all that was heard so far: when, of whom, by whom, what.
  const Hash& transcript() const { return transcript_; }

 private:
  class CallReply;
  class NodeTransport;
  using CallId = Transport::CallId;

  struct Call {
    Hash from;
    Hash to;
    CallEvents events;
    SimClock::EventId first_frame_timer = 0;
    SimClock::EventId total_timer = 0;
    int64_t last_arrival_us = 0;
    bool stalled = false;             // A frame fell into a cut: nothing follows it.
    std::shared_ptr<bool> cancelled;  // What the answering end sees.
  };

  CallId Begin(const Hash& from, const Peer& peer, std::string_view method, Bytes request,
               CallEvents events, CallOptions options);
  void Arrive(CallId id, const Hash& from, const Hash& to, const std::string& method,
              const Bytes& request, std::shared_ptr<bool> cancelled);
  void SendFrame(CallId id, Bytes frame);
  void SendDone(CallId id, absl::Status status);
  // When something said now over this call is heard; nothing where it is not.
  std::optional<int64_t> NextArrival(Call& call);
  void End(CallId id, const absl::Status& status);
  void Forget(CallId id);
  bool IsCut(const Hash& a, const Hash& b) const;
  void Note(const Hash& from, const Hash& to, ByteSpan bytes);
  int64_t Delay();

  SimClock& clock_;
  SimRandom random_;
  LinkOptions links_;
  std::map<Hash, Handler> nodes_;
  std::set<Hash> cut_;
  std::map<Hash, uint32_t> groups_;
  Hash transcript_;
  std::map<CallId, Call> calls_;
  CallId last_call_ = 0;
};

}  // namespace gonka::testing
