#pragma once

// How nodes talk to one another: a call names a method, carries one request and is answered by any
// number of frames and then one status. Both ends run on their node's loop. The real transport
// (gonka/net) seals every frame between the two nodes' keys over HTTP; the simulated one delays,
// drops and duplicates.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "gonka/base/bytes.h"
#include "gonka/base/status.h"

namespace gonka {

struct Peer {
  Hash id;          // The node's account, which is its Ed25519 public key.
  std::string url;  // "http://127.0.0.1:7101"; unused by the simulator.
};

struct CallOptions {
  int64_t first_frame_timeout_us = 10'000'000;
  int64_t total_timeout_us = 120'000'000;
};

// Loop thread only. on_done is called exactly once, last, unless the call was cancelled.
struct CallEvents {
  std::function<void(Bytes frame)> on_frame;
  std::function<void(absl::Status)> on_done;
};

class Transport {
 public:
  using CallId = uint64_t;

  virtual ~Transport() = default;
  virtual CallId Call(const Peer& peer, std::string_view method, Bytes request, CallEvents events,
                      CallOptions options) = 0;
  // No event of this call is delivered afterwards. Unknown calls are ignored.
  virtual void Cancel(CallId call) = 0;
};

// The answering end of one call. Dropping the last reference before Finish fails the call.
class Reply {
 public:
  virtual ~Reply() = default;
  virtual void Send(Bytes frame) = 0;
  virtual void Finish(absl::Status status) = 0;
  // True once the caller has hung up or timed out: work for it may stop.
  virtual bool Cancelled() const = 0;
};

// caller is authenticated: the frames were sealed with its key.
using CallHandler =
    std::function<void(const Hash& caller, Bytes request, std::shared_ptr<Reply> reply)>;

}  // namespace gonka
