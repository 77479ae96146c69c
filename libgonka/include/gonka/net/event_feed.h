#pragma once

// The ledger's notices as server-sent events (doc/http_api.md, section 3): all of them for anybody,
// and for a developer with an API key those that concern it, told in a sentence.
//
// The history on disk is every listener's queue: a listener is a place in it, and gets the next
// events whenever its connection has room. So a slow one costs nothing, and one that comes back
// goes on where it was (Last-Event-ID).

#include <condition_variable>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "gonka/consensus/chain.h"
#include "gonka/http/server.h"
#include "gonka/net/metrics.h"

namespace gonka::net {

struct EventFeedOptions {
  size_t listeners_max = 64;
  int64_t ping_us = 10'000'000;  // A comment on streams that have been silent for so long.
};

class EventFeed {
 public:
  // Adds GET /gonka/v1/events and GET /v1/gonka/notices; before server.Start. Chain and metrics
  // must outlive the feed. self is the transfer agent whose API keys are taken.
  EventFeed(http::Server& server, consensus::Chain& chain, Metrics& metrics, const AccountId& self,
            EventFeedOptions options = {});
  // After the server's Stop. Joins the feed's own thread.
  ~EventFeed();

  size_t listeners() const;

 private:
  struct Listener;
  struct Told;
  using ToldPtr = std::shared_ptr<const Told>;

  void OnRequest(const http::Request& request, http::Responder& responder, bool personal);
  void Run();
  bool Serve(const store::Snapshot& snapshot, Listener& listener);
  ToldPtr TellBlock(const store::Snapshot& snapshot, uint64_t height);
  void Gather(const store::Snapshot& snapshot, Listener& listener);
  std::string EventFor(const store::Snapshot& snapshot, const Listener& listener, const Told& told,
                       uint32_t index);

  consensus::Chain& chain_;
  Metrics& metrics_;
  const AccountId self_;
  const EventFeedOptions options_;
  consensus::Chain::SubscriptionId subscription_ = 0;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool stop_ = false;
  bool news_ = false;
  std::list<std::unique_ptr<Listener>> listeners_;  // At most options.listeners_max.

  std::map<uint64_t, ToldPtr> told_;  // The feed's thread only; the last few blocks.
  std::thread thread_;
};

}  // namespace gonka::net
