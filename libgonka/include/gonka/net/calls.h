#pragma once

// Calls between nodes over HTTP (doc/protocol.md, "Between nodes"): POST /gonka/v1/call/<method>
// with the caller's account in X-Gonka-Account and a sealed body; the answer is a stream of
// length-prefixed sealed frames, the last of which carries the status. Requests and answers are
// bound together by the request's nonce, frames to their place by their number: nothing can be
// replayed into another call, reordered or cut off unnoticed.

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "gonka/base/loop.h"
#include "gonka/base/transport.h"
#include "gonka/crypto/seal.h"
#include "gonka/http/client.h"
#include "gonka/http/server.h"

namespace gonka::net {

inline constexpr size_t kCallFrameMax = 8 << 20;

// Session keys with other nodes; deriving them costs about 0.1 ms, so the last 4,096 are kept. Any
// thread.
class Sessions {
 public:
  explicit Sessions(const KeyPair& key) : key_(key) {}
  absl::StatusOr<SessionKeys> With(const Hash& peer);
  const PublicKey& self() const { return key_.public_key(); }

 private:
  const KeyPair key_;
  std::mutex mutex_;
  std::map<Hash, SessionKeys> keys_;
};

// The calling end. Loop thread only.
class HttpTransport final : public Transport {
 public:
  // All must outlive the transport, except that the loop may stop before.
  HttpTransport(Loop& loop, Entropy& entropy, Sessions& sessions, http::Client& client);
  ~HttpTransport() override;

  CallId Call(const Peer& peer, std::string_view method, Bytes request, CallEvents events,
              CallOptions options) override;
  void Cancel(CallId call) override;

 private:
  struct Ongoing;
  void Fail(CallId id, absl::Status status);
  void OnFrame(CallId id, Bytes sealed);
  void OnClosed(CallId id, absl::Status status);

  Loop& loop_;
  Entropy& entropy_;
  Sessions& sessions_;
  http::Client& client_;
  CallId next_id_ = 1;
  std::map<CallId, std::shared_ptr<Ongoing>> ongoing_;
  std::shared_ptr<bool> alive_;
};

// The answering end: adds its route to a server. handler runs on the loop.
using CallDispatcher = std::function<void(const std::string& method, const Hash& caller,
                                          Bytes request, std::shared_ptr<Reply> reply)>;
void ServeCalls(http::Server& server, Loop& loop, Entropy& entropy, Sessions& sessions,
                CallDispatcher dispatcher);

}  // namespace gonka::net
