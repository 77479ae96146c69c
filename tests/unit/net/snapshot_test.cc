// A newcomer takes the ledger's state from nodes that it does not trust.

#include "gonka/net/snapshots.h"
#include "gonka/store/proofs.h"
#include "unit/consensus/small_network.h"
#include "unit/net/small_network.h"

namespace gonka::net {
namespace {

using consensus::Chain;
using consensus::Follower;

constexpr uint64_t kFirst = 40;  // Of epoch 1.
constexpr uint64_t kTip = kFirst + ledger::kStateRootBlocks + 2;

bool Says(const absl::Status& status, const std::string& part) {
  INFO(ToString(status));
  return !status.ok() && Message(status).find(part) != std::string::npos;
}

// A chain that serves its snapshots.
struct Source {
  Source(const consensus::SmallNetwork& network, Log& log)
      : chain(network.MemoryChain()),
        snapshots(server, *chain, log, {.directory = directory.path() + "/s"}) {
    REQUIRE(server.Start().ok());
  }
  ~Source() { server.Stop(); }
  std::string url() const { return fmt::format("http://127.0.0.1:{}", server.port()); }

  const TempDirectory directory;
  std::unique_ptr<Chain> chain;
  http::Server server{http::ServerOptions{}};
  SnapshotServer snapshots;
};

// Passes on what a source has, or something else.
class Relay {
 public:
  using Change = std::function<void(const std::string& path, http::ClientResponse& response)>;

  Relay(http::Client& client, std::string url, Change change) {
    const auto pass_on = [this, &client, url, change](const std::string& path) {
      auto response = client.Send({.url = url + path, .repeatable = true});
      REQUIRE(response.ok());
      change(path, *response);
      if (path.size() > 40) ++chunks_;
      return http::Response{.status = response->status, .body = std::move(response->body)};
    };
    server_.Route("GET", "/gonka/v1/snapshot",
                  [=](http::Request, std::shared_ptr<http::Responder> responder) {
                    responder->Send(pass_on("/gonka/v1/snapshot"));
                  });
    server_.Route("GET", "/gonka/v1/snapshot/{root}/{index}",
                  [=](http::Request request, std::shared_ptr<http::Responder> responder) {
                    responder->Send(
                        pass_on(fmt::format("/gonka/v1/snapshot/{}/{}", *request.PathParam("root"),
                                            *request.PathParam("index"))));
                  });
    REQUIRE(server_.Start().ok());
  }
  ~Relay() { server_.Stop(); }
  std::string url() const { return fmt::format("http://127.0.0.1:{}", server_.port()); }
  int chunks() const { return chunks_; }

 private:
  std::atomic<int> chunks_{0};
  http::Server server_{http::ServerOptions{}};
};

bool IsChunk(const std::string& path) {
  return path.size() > 40;
}
void PassOn(const std::string&, http::ClientResponse&) {}

// Changes an offer and encodes it again.
Relay::Change Forge(const std::function<void(store::SnapshotOffer&)>& forge) {
  return [forge](const std::string& path, http::ClientResponse& response) {
    if (IsChunk(path)) return;
    auto offer = *Decode<store::SnapshotOffer>(AsBytes(response.body));
    forge(offer);
    response.body = AsText(Encode(offer));
  };
}

// Two nodes with a snapshot of several chunks, and a newcomer's directory.
struct Scene {
  Scene() {
    const auto sequencer = network.MakeSequencer(*one.chain);
    const auto follower = *Follower::Create(*two.chain);
    for (uint64_t i = 0; i < kTip; ++i) {
      consensus::Submit(*one.chain, network.TransferTx(0, i, 3));
      blocks.push_back(consensus::Produce(*sequencer));
      REQUIRE(follower->Offer(blocks.back()).ok());
    }
    WaitForOffer(one);
    WaitForOffer(two);
  }
  // The export runs beside the blocks.
  void WaitForOffer(const Source& source) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (client.Send({.url = source.url() + "/gonka/v1/snapshot"})->status != 200) {
      REQUIRE(std::chrono::steady_clock::now() < deadline);
    }
  }
  absl::StatusOr<uint64_t> Fetch(const std::vector<std::string>& sources) {
    return FetchSnapshot(client, sources, network.genesis(), directory.path() + "/parts", *database,
                         log);
  }
  // The newcomer's chain, once it has followed.
  void CheckFollows() {
    const auto chain = network.OpenChain(std::move(database));
    CHECK(chain->height() == kFirst);
    const auto follower = *Follower::Create(*chain);
    REQUIRE(follower->OfferAll({blocks.begin() + kFirst, blocks.end()}).ok());
    CHECK((*chain->Snapshot())->tip() == (*one.chain->Snapshot())->tip());
    // It can prove what came after the snapshot.
    const auto proof = store::ProveState(**chain->Snapshot(), ledger::StateRootKey(1));
    REQUIRE(proof.ok());
    CHECK(VerifyProof(*proof, HashOf(proof->header)).ok());
  }

  const consensus::SmallNetwork network{{.crowd = 25'000}};
  QuietLog log;
  http::Client client{http::ClientOptions{.allow_private_addresses = true}};
  Source one{network, log};
  Source two{network, log};
  std::vector<Block> blocks;
  const TempDirectory directory;
  std::unique_ptr<store::Database> database = store::Database::InMemory();
};

TEST_CASE("a newcomer takes a snapshot from all who have it, and follows by blocks") {
  Scene scene;
  const Relay first(scene.client, scene.one.url(), PassOn);
  const Relay second(scene.client, scene.two.url(), PassOn);
  REQUIRE(*scene.Fetch({first.url(), second.url()}) == kFirst);
  CHECK(first.chunks() >= 2);
  CHECK(second.chunks() >= 2);
  CHECK_FALSE(std::filesystem::exists(scene.directory.path() + "/parts"));
  scene.CheckFollows();
}

TEST_CASE("a newcomer that is interrupted goes on with what it has") {
  Scene scene;
  const Relay dies(scene.client, scene.one.url(), [](const std::string& path, auto& response) {
    if (IsChunk(path) && !path.ends_with("/0") && !path.ends_with("/1")) response.status = 503;
  });
  CHECK(Says(scene.Fetch({dies.url()}).status(), "nobody is left to ask for chunk 2"));
  CHECK_FALSE(scene.database->ReadTip()->has_value());
  const Relay honest(scene.client, scene.one.url(), PassOn);
  REQUIRE(*scene.Fetch({honest.url()}) == kFirst);
  const auto offer = *Decode<store::SnapshotOffer>(
      AsBytes(scene.client.Send({.url = scene.one.url() + "/gonka/v1/snapshot"})->body));
  CHECK(honest.chunks() == static_cast<int>(offer.manifest.chunks.size()) - 2);
  scene.CheckFollows();
}

TEST_CASE("forged chunks are asked of somebody else, and forged offers believed by nobody") {
  Scene scene;
  const Relay forger(scene.client, scene.one.url(), [](const std::string& path, auto& response) {
    if (IsChunk(path)) response.body[response.body.size() / 2] ^= 1;
  });
  const KeyPair stranger = consensus::SmallNetwork::KeyOf("stranger");
  const std::vector<std::function<void(store::SnapshotOffer&)>> forgeries = {
      [](auto& offer) { std::swap(offer.manifest.chunks[0], offer.manifest.chunks[1]); },
      [](auto& offer) { offer.manifest.block.signature.bytes[0] ^= 1; },
      [](auto& offer) { offer.proof.leaf_index ^= 1; },
      [](auto& offer) { std::get<StateWrite>(offer.proof.leaf).value->back() ^= 1; },
      [&](auto& offer) {
        offer.proof.header.proposer = AccountOf(stranger.public_key());
        offer.header_signature = stranger.Sign(HashOf(offer.proof.header).value);
      },
      [&](auto& offer) {
        offer.header_signature = stranger.Sign(HashOf(offer.proof.header).value);
      },
  };
  for (const auto& forgery : forgeries) {
    const Relay liar(scene.client, scene.one.url(), Forge(forgery));
    CHECK(Says(scene.Fetch({liar.url()}).status(), "none of 1 nodes has a snapshot"));
  }
  CHECK(Says(scene.Fetch({forger.url()}).status(), "nobody is left to ask for chunk 0"));
  REQUIRE(*scene.Fetch({forger.url(), scene.two.url()}) == kFirst);
  scene.CheckFollows();
}

TEST_CASE("a true proof of another record, or of another network, is no offer") {
  Scene scene;
  const auto snapshot = *scene.one.chain->Snapshot();
  auto offer = *Decode<store::SnapshotOffer>(
      AsBytes(scene.client.Send({.url = scene.one.url() + "/gonka/v1/snapshot"})->body));
  CHECK(store::CheckOffer(offer, scene.network.genesis()).ok());
  CHECK(
      Says(store::CheckOffer(offer, consensus::SmallNetwork({.name = "other"}).genesis()).status(),
           "belongs to network"));
  store::SnapshotOffer other = offer;
  other.manifest.block = scene.blocks[kFirst];
  CHECK(
      Says(store::CheckOffer(other, scene.network.genesis()).status(), "the proof of that after"));
  other = offer;
  other.proof = *store::ProveState(
      *snapshot, ledger::AccountKey(AccountOf(scene.network.CrowdKey(0).public_key())),
      {.header_height = offer.proof.header.height});
  CHECK(Says(store::CheckOffer(other, scene.network.genesis()).status(),
             "something else than a state root"));
}

TEST_CASE("a node serves the newest snapshots that it keeps, also after a restart") {
  Scene scene;
  const std::string url = scene.one.url() + "/gonka/v1/snapshot";
  const auto status = [&](const std::string& path) {
    return scene.client.Send({.url = url + path})->status;
  };
  const std::string root = Hex(ledger::FindStateRoot(**scene.one.chain->Snapshot(), 1)->root);
  CHECK(status("/" + root + "/0") == 200);
  CHECK(status("/" + root + "/99") == 404);
  CHECK(status("/" + std::string(64, '0') + "/0") == 404);
  CHECK(status("/" + root.substr(1) + "/0") == 400);
  CHECK(status("/" + root + "/-1") == 400);
  {
    http::Server again{http::ServerOptions{}};
    const SnapshotServer snapshots(again, *scene.one.chain, scene.log,
                                   {.directory = scene.one.directory.path() + "/s"});
    REQUIRE(again.Start().ok());
    const std::string after = fmt::format("http://127.0.0.1:{}/gonka/v1/snapshot", again.port());
    CHECK(scene.client.Send({.url = after})->status == 200);
    again.Stop();
  }
  const auto sequencer = scene.network.MakeSequencer(*scene.one.chain);
  while (scene.one.chain->height() < 4 * kFirst) consensus::Produce(*sequencer);
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (status("/" + root + "/0") != 404) REQUIRE(std::chrono::steady_clock::now() < deadline);
}

TEST_CASE("a participant's node begins with a snapshot, serves it on, and knows what it lacks") {
  SmallNetwork& network = Network();
  network.WaitFor(1, "/gonka/v1/status", [&](const Json& status) {
    return status["epoch"] > 0 && network.Get(1, "/gonka/v1/snapshot").status == 200;
  });
  const TempDirectory directory;
  host::ThreadLoop loop;
  host::SystemClock clock;
  host::SystemEntropy entropy;
  QuietLog log;
  ParticipantOptions options;
  options.data_directory = directory.path();
  options.genesis = network.genesis();
  options.allow_private_addresses = true;
  options.from_snapshot = true;
  options.on_fatal = [](const std::string& why) { FAIL(why); };
  const auto node = ParticipantNode::Start(loop, clock, entropy, log,
                                           consensus::SmallNetwork::KeyOf("newcomer"), options);
  REQUIRE_MESSAGE(node.ok(), ToString(node.status()));
  const auto get = [&](const std::string& path) {
    return network.SendTo({.url = fmt::format("http://127.0.0.1:{}{}", (*node)->port(), path)});
  };
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (get("/ready").status != 200) REQUIRE(std::chrono::steady_clock::now() < deadline);
  const uint64_t height = Json::parse(get("/gonka/v1/status").body)["height"];
  const std::string page = fmt::format("/gonka/v1/block/{}", height);
  CHECK(Json::parse(get(page).body)["app_hash"] == network.GetJson(0, page)["app_hash"]);
  CHECK(get("/gonka/v1/block/1").status == 404);
  CHECK(get("/gonka/v1/blocks?from=1").status == 404);
  while (get("/gonka/v1/snapshot").status != 200) {
    REQUIRE(std::chrono::steady_clock::now() < deadline);
  }
}

}  // namespace
}  // namespace gonka::net
