#pragma once

// An engine in another process: one of our own ML nodes, over HTTP.

#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "gonka/engine/engine.h"
#include "gonka/http/client.h"

namespace gonka::engine {

class RemoteEngine final : public Engine {
 public:
  // Asks the ML node at url ("http://127.0.0.1:7201") what it runs; fails where it does not answer.
  // client must outlive the engine, and must allow private addresses where the node is on one.
  static absl::StatusOr<std::unique_ptr<RemoteEngine>> Connect(http::Client& client,
                                                               const std::string& url);
  ~RemoteEngine() override;  // Cancels what runs and waits for its last events.

  EngineInfo Info() const override { return info_; }
  RequestId Generate(GenerateRequest request, GenerateEvents events) override;
  RequestId Score(ScoreRequest request, ScoreEvents events) override;
  void Cancel(RequestId request) override;

 private:
  class Calls;
  struct Stream;
  RemoteEngine(http::Client& client, std::string url, EngineInfo info);
  void Run(RequestId id, const std::shared_ptr<Stream>& stream, const Bytes& body,
           std::function<void(const Bytes&)> on_frame,
           std::function<void(const absl::Status&)> on_failed);

  http::Client& client_;
  const std::string url_;
  const EngineInfo info_;
  const std::shared_ptr<Calls> calls_;
};

}  // namespace gonka::engine
