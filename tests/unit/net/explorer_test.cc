// What a small network shows of itself.

#include <doctest/doctest.h>

#include "small_network.h"

namespace gonka::net {
namespace {

std::string AskOnce() {
  const auto response = Network().Chat(R"("max_tokens":4)");
  REQUIRE_MESSAGE(response.status == 200, response.body);
  return Json::parse(response.body)["gonka"]["inference_id"];
}

std::vector<std::string> KindsOf(const Json& notices) {
  std::vector<std::string> kinds;
  for (const Json& notice : notices) kinds.push_back(notice["notice"]["kind"]);
  return kinds;
}

bool Contains(const std::vector<std::string>& kinds, const char* kind) {
  return std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
}

TEST_CASE("the status says where the chain is, and that no coin is lost") {
  const Json status = Network().GetJson(0, "/gonka/v1/status");
  CHECK(status["network"] == Hex(Network().network()));
  CHECK(status["name"] == "small");
  CHECK(status["participant"] == Hex(Network().Id(0)));
  CHECK(status["height"].get<uint64_t>() > 0);
  CHECK(status["caught_up"] == true);
  CHECK(status["conservation"]["holds"] == true);
  CHECK(status["conservation"]["created"].is_number_unsigned());
  CHECK(status["totals"]["genesis"] == 2'000'000);
  CHECK(status["blocks_until_epoch_end"].get<int>() <= 60);
  const Json follower = Network().WaitFor(
      2, "/gonka/v1/status", [](const Json& json) { return json["caught_up"] == true; });
  CHECK(follower["participant"] == Hex(Network().Id(2)));
}

TEST_CASE("participants, models, accounts and the epoch can be looked at") {
  const Json participants = Network().GetJson(1, "/gonka/v1/participants")["participants"];
  REQUIRE(participants.size() == 3);
  CHECK(participants[0]["id"] == Hex(Network().Id(0)));
  CHECK(participants[0]["endpoint"] == Network().Url(0, ""));
  CHECK(participants[0]["models"][0] == Hex(Network().manifest()));
  CHECK(participants[0]["weight"] == 100);
  CHECK(participants[0]["last_epoch"].is_null());
  CHECK(participants[0]["unbonding"].empty());
  CHECK(Network().GetJson(1, "/gonka/v1/models")["models"][0]["name"] == "tiny");
  const Json ann = Network().GetJson(1, "/gonka/v1/accounts/" + Hex(Network().ann().public_key()));
  CHECK(ann["participant"] == false);
  CHECK(ann["sequence"].get<uint64_t>() >= 1);
  REQUIRE(ann["allowances"].size() == 1);
  CHECK(ann["allowances"][0]["transfer_agent"] == Hex(Network().Id(0)));
  CHECK(ann["allowances"][0]["api_key"] == true);
  const Json epoch = Network().GetJson(1, "/gonka/v1/epochs/current");
  CHECK(epoch["members"].size() == 3);
  CHECK(Network().GetJson(1, "/gonka/v1/cases")["cases"].is_array());
}

TEST_CASE("an inference's page tells its life") {
  const std::string id = AskOnce();
  const Json page = Network().WaitFor(2, "/gonka/v1/inferences/" + id, [](const Json& json) {
    return Contains(KindsOf(json["notices"]), "record_delivered") &&
           Contains(KindsOf(json["notices"]), "record_finished");
  });
  CHECK(page["id"] == id);
  CHECK(page["developer"] == Hex(Network().ann().public_key()));
  CHECK(page["transfer_agent"] == Hex(Network().Id(0)));
  CHECK(page["output_tokens"].get<int>() <= 4);
  CHECK(page["record"]["assignment"]["executor"] == page["executor"]);
  CHECK(page["notices"][0]["notice"]["kind"] == "record_opened");
  CHECK(page["notices"][0]["height"].get<uint64_t>() > 0);
  CHECK(page["notices"][0]["time_us"].get<uint64_t>() > 1'700'000'000'000'000);
}

TEST_CASE("an epoch's page shows the pay once it is settled") {
  AskOnce();
  const Json page = Network().WaitFor(0, "/gonka/v1/epochs/0",
                                      [](const Json& json) { return json["settled"] == true; });
  CHECK(page["settlement"]["notice"]["epoch"] == 0);
  uint64_t paid = 0;
  for (const Json& member : page["members"]) {
    REQUIRE(member["paid"].size() == 1);
    for (const char* part : {"executor_fees", "ta_fees", "validator_fees", "emission"}) {
      paid += member["paid"][0][part].get<uint64_t>();
    }
  }
  CHECK(paid == page["settlement"]["notice"]["paid"].get<uint64_t>());
}

TEST_CASE("a proof can be checked by whoever knows the block hash") {
  const std::string id = AskOnce();
  const Json page = Network().WaitFor(0, "/gonka/v1/inferences/" + id,
                                      [](const Json& json) { return !json["notices"].empty(); });
  const uint64_t height = page["notices"][0]["height"];
  Network().WaitFor(1, "/gonka/v1/status",
                    [&](const Json& json) { return json["height"].get<uint64_t>() > height; });
  const std::string paths[] = {
      "/gonka/v1/proof/state?inference=" + id,
      "/gonka/v1/proof/state?account=" + Hex(Network().ann().public_key()),
      "/gonka/v1/proof/state?participant=" + Hex(Network().Id(2)),
      fmt::format("/gonka/v1/proof/notice?height={}&index={}", height,
                  page["notices"][0]["index"].get<int>()),
  };
  for (const std::string& path : paths) {
    CAPTURE(path);
    const Json json = Network().WaitFor(1, path, [](const Json&) { return true; });
    const auto proof = Decode<InclusionProof>(*FromHex(json["proof"].get<std::string>()));
    REQUIRE(proof.ok());
    // The hash comes from another node.
    const uint64_t header = json["header_height"];
    const Json block = Network().WaitFor(2, fmt::format("/gonka/v1/block/{}", header),
                                         [](const Json&) { return true; });
    CHECK(block["hash"] == json["block_hash"]);
    const auto hash = FixedFromHex<32>(block["hash"].get<std::string>());
    REQUIRE(hash.has_value());
    CHECK(VerifyProof(*proof, BlockHash{*hash}).ok());
  }
  const Json block = Network().GetJson(0, fmt::format("/gonka/v1/block/{}", height));
  REQUIRE_FALSE(block["receipts"].empty());
  const Json receipt = Network().WaitFor(0,
                                         fmt::format("/gonka/v1/proof/receipt?tx={}&index=0",
                                                     block["receipts"][0]["tx"].get<std::string>()),
                                         [](const Json&) { return true; });
  CHECK(receipt["leaf"]["kind"] == "receipt");
  CHECK(receipt["leaf"]["receipt"]["code"] == block["receipts"][0]["code"]);
}

TEST_CASE("events come as they happen, resume where they stopped, and can be chosen") {
  StreamReader live(
      Network().client(),
      {.url = Network().Url(1, "/gonka/v1/events?kinds=record_opened,record_finished")});
  const std::string id = AskOnce();
  const http::SseEvent opened = live.WaitFor([&](const http::SseEvent& event) {
    return event.event == "record_opened" && event.data.find(id) != event.data.npos;
  });
  const Json data = Json::parse(opened.data);
  CHECK(opened.id == fmt::format("{}.{}", data["height"].get<int>(), data["index"].get<int>()));
  CHECK(data["notice"]["developer"] == Hex(Network().ann().public_key()));

  StreamReader resumed(Network().client(), {.url = Network().Url(1, "/gonka/v1/events"),
                                            .headers = {{"Last-Event-ID", opened.id}}});
  const http::SseEvent finished = resumed.WaitFor([&](const http::SseEvent& event) {
    return event.event == "record_finished" && event.data.find(id) != event.data.npos;
  });
  CHECK(finished.id != opened.id);

  StreamReader replayed(Network().client(), {.url = Network().Url(2,
                                                                  "/gonka/v1/events?from_height=0"
                                                                  "&kinds=record_opened")});
  CHECK(replayed.WaitFor([&](const http::SseEvent& event) { return event.id == opened.id; }) ==
        opened);
  CHECK(Network().Get(1, "/gonka/v1/events?kinds=nonsense").status == 400);
  CHECK(Network().Get(1, "/gonka/v1/events?from_height=x").status == 400);
}

TEST_CASE("a developer is told what concerns it, in words, and nobody else is") {
  StreamReader notices(Network().client(),
                       {.url = Network().Url(0, "/v1/gonka/notices"),
                        .headers = {{"Authorization", std::string("Bearer ") + kAnnsKey}}});
  const std::string id = AskOnce();
  // Everybody is at reputation 0, so every answer is checked.
  const http::SseEvent verdict = notices.WaitFor([&](const http::SseEvent& event) {
    return event.event == "verdict_revealed" && event.data.find(id) != event.data.npos;
  });
  const Json data = Json::parse(verdict.data);
  CHECK(data["notice"]["verdict"].is_string());
  CHECK(data["text"].get<std::string>().find("was checked by") != std::string::npos);
  const auto notices_now = notices.Events();
  CHECK(std::none_of(notices_now.begin(), notices_now.end(), [](const http::SseEvent& event) {
    return event.event == "paid" || event.event == "epoch_started" ||
           event.event == "record_opened";
  }));

  // Everything about its inferences, where it asks for it; and who checked explains itself.
  StreamReader opened(Network().client(),
                      {.url = Network().Url(0,
                                            "/v1/gonka/notices?kinds=record_opened,record_"
                                            "finished,record_delivered,check_drawn&from_height=1"),
                       .headers = {{"Authorization", std::string("Bearer ") + kAnnsKey}}});
  for (const char* kind : {"record_opened", "record_finished", "record_delivered", "check_drawn"}) {
    CAPTURE(kind);
    const http::SseEvent event = opened.WaitFor(
        [&](const http::SseEvent& e) { return e.event == kind && e.data.find(id) != e.data.npos; });
    CHECK(Json::parse(event.data)["text"].get<std::string>().find(id.substr(0, 8)) !=
          std::string::npos);
  }
  const std::string validator = data["notice"]["validator"];
  size_t checker = 0;
  while (Hex(Network().Id(checker)) != validator) ++checker;
  const Json check = Network().GetJson(checker, "/gonka/v1/checks/" + id);
  CHECK(check["verdict"] == data["notice"]["verdict"]);
  CHECK_FALSE(check["explanation"].get<std::string>().empty());

  CHECK(Network().Get(0, "/v1/gonka/notices").status == 401);
  // The key is for participant 0 alone.
  CHECK(Network().Get(1, "/v1/gonka/notices", kAnnsKey).status == 401);
}

TEST_CASE("what is unknown is 404, what is malformed 400, and both say what") {
  struct Row {
    const char* path;
    int status;
    const char* says;
  };
  const std::string zeros(64, '0');
  const std::string unknown_inference = "/gonka/v1/inferences/" + zeros;
  const std::string unknown_account = "/gonka/v1/accounts/" + zeros;
  const std::string unknown_case = "/gonka/v1/cases/" + zeros;
  const std::string unknown_check = "/gonka/v1/checks/" + zeros;
  const std::string unknown_tx = "/gonka/v1/proof/receipt?index=0&tx=" + zeros;
  const Row table[] = {
      {unknown_inference.c_str(), 404, "not on the ledger"},
      {unknown_account.c_str(), 404, "not on the ledger"},
      {unknown_case.c_str(), 404, "not on the ledger"},
      {unknown_check.c_str(), 404, "did not check"},
      {unknown_tx.c_str(), 404, "0000"},
      {"/gonka/v1/inferences/xyz", 400, "64 lower-case hex digits"},
      {"/gonka/v1/epochs/999999", 404, "epoch 999999"},
      {"/gonka/v1/epochs/next", 400, "'next'"},
      {"/gonka/v1/block/999999", 404, "999999"},
      {"/gonka/v1/block/-1", 400, "'-1'"},
      {"/gonka/v1/block/0", 404, "genesis"},
      {"/gonka/v1/proof/state", 400, "required"},
      {"/gonka/v1/proof/state?key=zz", 400, "hex"},
      {"/gonka/v1/proof/state?key=00", 404, "00"},
      {"/gonka/v1/proof/notice?height=1", 400, "index is required"},
      {"/gonka/v1/proof/notice?height=x&index=0", 400, "'x'"},
  };
  for (const Row& row : table) {
    CAPTURE(row.path);
    const auto response = Network().Get(0, row.path);
    CHECK(response.status == row.status);
    CHECK_MESSAGE(response.body.find(row.says) != std::string::npos, response.body);
    CHECK(Json::parse(response.body)["error"]["message"].is_string());
  }
}

TEST_CASE("operators see health, readiness and counters") {
  CHECK(Network().GetJson(0, "/health")["status"] == "ok");
  CHECK(Network().GetJson(0, "/ready")["ready"] == true);
  const auto metrics = Network().Get(0, "/metrics");
  CHECK(metrics.headers.Get("Content-Type").starts_with("text/plain"));
  for (const char* name :
       {"gonka_height ", "gonka_epoch ", "gonka_caught_up 1",
        "gonka_api_requests_total{route=", "gonka_api_tokens_total{kind=\"output\"}",
        "gonka_mempool_transactions ", "gonka_recorder_pending ", "gonka_event_listeners ",
        "gonka_http_connections ", "gonka_notices_total{kind=\"record_opened\"}",
        "gonka_api_first_token_seconds_bucket{le=\"+Inf\"}"}) {
    CHECK_MESSAGE(metrics.body.find(name) != std::string::npos, name);
  }
}

}  // namespace
}  // namespace gonka::net
