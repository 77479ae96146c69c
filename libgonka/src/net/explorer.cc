#include "gonka/net/explorer.h"

#include <fmt/format.h>

#include "gonka/base/json.h"
#include "gonka/ledger/queries.h"
#include "gonka/net/api_error.h"
#include "gonka/store/proofs.h"
#include "net/explorer_views.h"
#include "net/http_params.h"

namespace gonka::net {
namespace {

using Responder = std::shared_ptr<http::Responder>;

ApiError ErrorOf(const absl::Status& status) {
  ApiError error{.message = gonka::Message(status)};
  switch (status.code()) {
    case absl::StatusCode::kNotFound:
      error.status = 404;
      error.code = "not_found";
      break;
    case absl::StatusCode::kInvalidArgument:
      error.code = "invalid_value";
      break;
    default:
      error.status = 503;
      error.type = "server_error";
      error.code = "not_ready";
      error.retry_after_s = 1;
  }
  return error;
}

void Answer(http::Responder& responder, const absl::StatusOr<std::string>& json) {
  if (!json.ok()) return responder.Send(ToResponse(ErrorOf(json.status())));
  responder.Send({.body = *json + "\n"});
}

absl::StatusOr<uint64_t> HeightOf(const store::Snapshot& snapshot, const std::string& text) {
  if (text == "latest") return snapshot.height();
  if (const auto height = ParseNumber(text)) return *height;
  return absl::InvalidArgumentError(
      fmt::format("a block is named by its height or 'latest', not '{}'", text.substr(0, 32)));
}

absl::StatusOr<uint64_t> EpochOf(const store::Snapshot& snapshot, const std::string& text) {
  if (text == "current") return ledger::ReadChain(snapshot).epoch;
  if (const auto epoch = ParseNumber(text)) return *epoch;
  return absl::InvalidArgumentError(
      fmt::format("an epoch is named by its number or 'current', not '{}'", text.substr(0, 32)));
}

// key=HEX, or the id of something whose key is known.
absl::StatusOr<Bytes> StateKeyOf(const http::Request& request) {
  if (const std::string* key = request.Query("key")) {
    auto bytes = FromHex(*key);
    if (bytes && !bytes->empty()) return *std::move(bytes);
    return absl::InvalidArgumentError("key must be hex digits, two a byte");
  }
  for (const auto& [name, make_key] :
       {std::pair<const char*, Bytes (*)(const Hash&)>{
            "inference", [](const Hash& id) { return ledger::RecordKey(InferenceId{id}); }},
        {"account", [](const Hash& id) { return ledger::AccountKey(AccountId{id}); }},
        {"participant", [](const Hash& id) { return ledger::ParticipantKey(AccountId{id}); }}}) {
    const std::string* text = request.Query(name);
    if (text == nullptr) continue;
    GONKA_ASSIGN_OR_RETURN(const Hash id, ParseId(name, *text));
    return make_key(id);
  }
  return absl::InvalidArgumentError("one of key, inference, account and participant is required");
}

absl::StatusOr<std::string> ProofJson(const absl::StatusOr<InclusionProof>& proof) {
  if (!proof.ok()) return proof.status();
  return ProofView(*proof);
}

absl::StatusOr<std::string> StateProof(const store::Snapshot& snapshot,
                                       const http::Request& request) {
  GONKA_ASSIGN_OR_RETURN(const Bytes key, StateKeyOf(request));
  GONKA_ASSIGN_OR_RETURN(const auto header, NumberQuery(request, "header"));
  return ProofJson(store::ProveState(snapshot, key, {.header_height = header}));
}

absl::StatusOr<std::string> NoticeProof(const store::Snapshot& snapshot,
                                        const http::Request& request) {
  GONKA_ASSIGN_OR_RETURN(const uint64_t height, RequiredNumberQuery(request, "height"));
  GONKA_ASSIGN_OR_RETURN(const uint64_t index, RequiredNumberQuery(request, "index"));
  GONKA_ASSIGN_OR_RETURN(const auto header, NumberQuery(request, "header"));
  const auto number = static_cast<uint32_t>(std::min<uint64_t>(index, UINT32_MAX));
  return ProofJson(store::ProveNotice(snapshot, height, number, {.header_height = header}));
}

absl::StatusOr<std::string> ReceiptProof(const store::Snapshot& snapshot,
                                         const http::Request& request) {
  const std::string* tx = request.Query("tx");
  if (tx == nullptr) return absl::InvalidArgumentError("tx is required");
  GONKA_ASSIGN_OR_RETURN(const Hash hash, ParseId("tx", *tx));
  GONKA_ASSIGN_OR_RETURN(const uint64_t index, RequiredNumberQuery(request, "index"));
  GONKA_ASSIGN_OR_RETURN(const auto header, NumberQuery(request, "header"));
  const auto number = static_cast<uint32_t>(std::min<uint64_t>(index, UINT32_MAX));
  return ProofJson(store::ProveReceipt(snapshot, TxHash{hash}, number, {.header_height = header}));
}

std::string CheckJson(const InferenceId& id, const node::CheckResult& result) {
  return fmt::format(
      R"({{"inference":"{}","verdict":"{}","evidence_millinats":{},"scores_root":"{}","explanation":{}}})",
      Hex(id), NameOf(result.verdict), result.evidence_millinats, Hex(result.scores_root),
      JsonQuote(result.explanation));
}

}  // namespace

struct Explorer::Core : std::enable_shared_from_this<Core> {
  explicit Core(ExplorerEnvironment environment) : env(std::move(environment)), node(&env.node) {
    subscription = env.chain.Subscribe([this](const consensus::CommittedBlockPtr& block) {
      ++env.metrics.blocks;
      for (const Notice& notice : block->notices) ++env.metrics.notices[notice.index()];
    });
  }

  using View =
      std::function<absl::StatusOr<std::string>(const store::Snapshot&, const http::Request&)>;
  // A page made from the newest snapshot.
  void Page(http::Server& server, const char* path, View view) {
    server.Route("GET", path,
                 [self = shared_from_this(), view = std::move(view)](http::Request request,
                                                                     const Responder& responder) {
                   const auto snapshot = self->env.chain.Snapshot();
                   if (!snapshot.ok()) return Answer(*responder, snapshot.status());
                   auto json = view(**snapshot, request);
                   // What could not be read from the disk looks like something absent.
                   if (const absl::Status status = (*snapshot)->status(); !status.ok()) {
                     json = status;
                   }
                   Answer(*responder, json);
                 });
  }
  // A page about the thing with the id in the path.
  template <class Id>
  void IdPage(http::Server& server, const char* path, const char* what,
              absl::StatusOr<std::string> (*view)(const store::Snapshot&, const Id&)) {
    Page(server, path,
         [what, view](const store::Snapshot& snapshot,
                      const http::Request& request) -> absl::StatusOr<std::string> {
           GONKA_ASSIGN_OR_RETURN(const Hash id, ParseId(what, *request.PathParam("id")));
           return view(snapshot, Id{id});
         });
  }
  void AddPages(http::Server& server);
  void AddOperation(http::Server& server);
  void OnCheck(const http::Request& request, const Responder& responder);
  void OnMetrics(const Responder& responder);

  ExplorerEnvironment env;
  node::Node* node;  // Loop thread; null once the node goes down.
  consensus::Chain::SubscriptionId subscription = 0;
};

void Explorer::Core::AddPages(http::Server& server) {
  using store::Snapshot;
  using Json = absl::StatusOr<std::string>;
  Page(server, "/gonka/v1/status", [this](const Snapshot& snapshot, const http::Request&) {
    return StatusView(
        snapshot,
        {.name = env.chain.genesis().name, .participant = env.self, .caught_up = env.caught_up()});
  });
  Page(server, "/gonka/v1/participants",
       [](const Snapshot& snapshot, const http::Request&) { return ParticipantsView(snapshot); });
  Page(server, "/gonka/v1/models",
       [](const Snapshot& snapshot, const http::Request&) { return ModelsView(snapshot); });
  Page(server, "/gonka/v1/cases",
       [](const Snapshot& snapshot, const http::Request&) { return OpenCasesView(snapshot); });
  Page(server, "/gonka/v1/params",
       [](const Snapshot& snapshot, const http::Request&) { return ParamsView(snapshot); });
  Page(server, "/gonka/v1/proposals",
       [](const Snapshot& snapshot, const http::Request&) { return ProposalsView(snapshot); });
  Page(server, "/gonka/v1/epochs/{epoch}",
       [](const Snapshot& snapshot, const http::Request& request) -> Json {
         GONKA_ASSIGN_OR_RETURN(const uint64_t epoch,
                                EpochOf(snapshot, *request.PathParam("epoch")));
         return EpochView(snapshot, epoch);
       });
  Page(server, "/gonka/v1/block/{height}",
       [](const Snapshot& snapshot, const http::Request& request) -> Json {
         GONKA_ASSIGN_OR_RETURN(const uint64_t height,
                                HeightOf(snapshot, *request.PathParam("height")));
         return BlockView(snapshot, height);
       });
  IdPage<InferenceId>(server, "/gonka/v1/inferences/{id}", "an inference", InferenceView);
  IdPage<AccountId>(server, "/gonka/v1/accounts/{id}", "an account", AccountView);
  IdPage<AccountId>(server, "/gonka/v1/delegations/{id}", "a key", DelegationView);
  IdPage<CaseId>(server, "/gonka/v1/cases/{id}", "a case", CaseView);
  Page(server, "/gonka/v1/proof/state", StateProof);
  Page(server, "/gonka/v1/proof/notice", NoticeProof);
  Page(server, "/gonka/v1/proof/receipt", ReceiptProof);
}

void Explorer::Core::OnCheck(const http::Request& request, const Responder& responder) {
  const auto id = ParseId("an inference", *request.PathParam("id"));
  if (!id.ok()) return Answer(*responder, id.status());
  env.loop.Post([self = shared_from_this(), id = InferenceId{*id}, responder] {
    if (self->node == nullptr) {
      return Answer(*responder, absl::UnavailableError("the node is going down"));
    }
    const auto& results = self->node->validator().results();
    const auto found = results.find(id);
    if (found == results.end()) {
      return Answer(*responder, absl::NotFoundError(fmt::format(
                                    "this node did not check inference {}, or long ago", Hex(id))));
    }
    Answer(*responder, CheckJson(id, found->second));
  });
}

void Explorer::Core::OnMetrics(const Responder& responder) {
  std::vector<Gauge> gauges = env.gauges ? env.gauges() : std::vector<Gauge>();
  gauges.push_back({"gonka_height", "Height of the newest block", env.chain.height()});
  if (const auto snapshot = env.chain.Snapshot(); snapshot.ok()) {
    gauges.push_back({"gonka_epoch", "The epoch", ledger::ReadChain(**snapshot).epoch});
  }
  gauges.push_back(
      {"gonka_caught_up", "1 once no newer block is known", env.caught_up() ? 1u : 0u});
  gauges.push_back({"gonka_mempool_transactions", "Transactions that wait for a block",
                    env.chain.mempool().size()});
  gauges.push_back({"gonka_mempool_bytes", "Their bytes", env.chain.mempool().bytes()});
  env.loop.Post([self = shared_from_this(), responder, gauges = std::move(gauges)]() mutable {
    if (self->node != nullptr) {
      gauges.push_back({"gonka_transfers_in_flight", "Requests at executors",
                        self->node->transfer_agent().in_flight()});
      gauges.push_back({"gonka_recorder_pending", "Own events that are in no block yet",
                        self->node->recorder().pending()});
    }
    responder->Send({.content_type = "text/plain; version=0.0.4; charset=utf-8",
                     .body = self->env.metrics.Text(gauges)});
  });
}

void Explorer::Core::AddOperation(http::Server& server) {
  server.Route("GET", "/health", [](const http::Request&, const Responder& responder) {
    responder->Send({.body = "{\"status\":\"ok\"}\n"});
  });
  server.Route("GET", "/ready",
               [self = shared_from_this()](const http::Request&, const Responder& responder) {
                 const bool ready = self->env.caught_up();
                 responder->Send({.status = ready ? 200 : 503,
                                  .body = fmt::format("{{\"ready\":{},\"height\":{}}}\n", ready,
                                                      self->env.chain.height())});
               });
  server.Route("GET", "/metrics",
               [self = shared_from_this()](const http::Request&, const Responder& responder) {
                 self->OnMetrics(responder);
               });
  server.Route(
      "GET", "/gonka/v1/checks/{id}",
      [self = shared_from_this()](const http::Request& request, const Responder& responder) {
        self->OnCheck(request, responder);
      });
}

Explorer::Explorer(http::Server& server, ExplorerEnvironment env)
    : core_(std::make_shared<Core>(std::move(env))) {
  core_->AddPages(server);
  core_->AddOperation(server);
}

Explorer::~Explorer() {
  core_->env.chain.Unsubscribe(core_->subscription);
  core_->node = nullptr;
}

}  // namespace gonka::net
