#include "gonka/net/ml_server.h"

#include <fmt/format.h>

#include <atomic>

#include "gonka/engine/wire.h"
#include "gonka/http/frames.h"

namespace gonka::net {
namespace {

void SendBytes(http::Responder& responder, const Bytes& bytes) {
  responder.Send({.status = 200,
                  .content_type = http::kFramesContentType,
                  .body = std::string(AsText(bytes)),
                  .headers = {}});
}

void Refuse(http::Responder& responder, int status, const std::string& why) {
  responder.Send(
      {.status = status, .content_type = "text/plain", .body = why + "\n", .headers = {}});
}

std::shared_ptr<http::StreamWriter> OpenStream(http::Responder& responder) {
  return responder.Stream(
      {.status = 200, .content_type = http::kFramesContentType, .body = "", .headers = {}});
}

// The request's id is known only after its first events may have come.
struct Ongoing {
  std::shared_ptr<http::StreamWriter> writer;
  std::atomic<bool> done{false};
};

// Cancels at the engine what nobody waits for any more.
void CancelOnHangUp(http::Responder& responder, engine::Engine& engine,
                    engine::Engine::RequestId id, const std::shared_ptr<Ongoing>& ongoing) {
  responder.OnHangUp([&engine, id, ongoing] {
    if (!ongoing->done) engine.Cancel(id);
  });
}

void Generate(engine::Engine& engine, const http::Request& request,
              const std::shared_ptr<http::Responder>& responder) {
  auto wire = Decode<engine::WireGenerate>(AsBytes(request.body));
  if (!wire.ok()) return Refuse(*responder, 400, gonka::Message(wire.status()));
  auto ongoing = std::make_shared<Ongoing>();
  ongoing->writer = OpenStream(*responder);
  const auto id = engine.Generate(engine::FromWire(*wire),
                                  {.on_token =
                                       [ongoing](const engine::TokenFacts& facts) {
                                         ongoing->writer->Write(http::FormatFrame(
                                             Encode(engine::WireGenerated{engine::ToWire(facts)})));
                                       },
                                   .on_done =
                                       [ongoing](absl::StatusOr<engine::FinishReason> reason) {
                                         ongoing->done = true;
                                         ongoing->writer->Write(http::FormatFrame(
                                             Encode(engine::WireGenerated{engine::EndOf(reason)})));
                                         ongoing->writer->Finish();
                                       }});
  CancelOnHangUp(*responder, engine, id, ongoing);
}

engine::WireScored ToWire(const absl::StatusOr<std::vector<engine::ScoredToken>>& scores) {
  engine::WireScored scored;
  if (!scores.ok()) {
    const engine::WireEnd end = engine::EndOf(scores.status());
    scored.code = end.code;
    scored.message = end.message;
    return scored;
  }
  for (const engine::ScoredToken& token : *scores) scored.tokens.push_back(engine::ToWire(token));
  return scored;
}

void Score(engine::Engine& engine, const http::Request& request,
           const std::shared_ptr<http::Responder>& responder) {
  auto wire = Decode<engine::WireScore>(AsBytes(request.body));
  if (!wire.ok()) return Refuse(*responder, 400, gonka::Message(wire.status()));
  auto ongoing = std::make_shared<Ongoing>();
  ongoing->writer = OpenStream(*responder);
  const auto id =
      engine.Score(engine::FromWire(*wire),
                   {.on_done = [ongoing](absl::StatusOr<std::vector<engine::ScoredToken>> scores) {
                     ongoing->done = true;
                     ongoing->writer->Write(http::FormatFrame(Encode(ToWire(scores))));
                     ongoing->writer->Finish();
                   }});
  CancelOnHangUp(*responder, engine, id, ongoing);
}

}  // namespace

void ServeEngine(http::Server& server, engine::Engine& engine) {
  server.Route("GET", "/health", [](http::Request, std::shared_ptr<http::Responder> responder) {
    responder->Send({.status = 200, .content_type = "text/plain", .body = "ok\n", .headers = {}});
  });
  server.Route("GET", "/ml/v1/info",
               [&engine](http::Request, std::shared_ptr<http::Responder> responder) {
                 SendBytes(*responder, Encode(engine::ToWire(engine.Info())));
               });
  server.Route("POST", "/ml/v1/generate",
               [&engine](http::Request request, std::shared_ptr<http::Responder> responder) {
                 Generate(engine, request, responder);
               });
  server.Route("POST", "/ml/v1/score",
               [&engine](http::Request request, std::shared_ptr<http::Responder> responder) {
                 Score(engine, request, responder);
               });
}

}  // namespace gonka::net
