// The file as a whole: what it is about, and the network that it is about.

#include "testing/scenario/values.h"

namespace gonka::testing {
namespace {

constexpr size_t kParticipantsMax = 200;
constexpr size_t kDevelopersMax = 50;
constexpr size_t kSeedsMax = 100;

void ReadParams(Fields& fields, Params& params) {
  const Json* json = fields.Find("params");
  if (json == nullptr) return;
  ReadContext& context = fields.context();
  const std::string path = fields.Path("params");
  if (!json->is_object()) return context.Refuse(path, "an object of parameters by path", *json);
  for (const auto& [name, value] : json->items()) {
    int64_t number = 0;
    ReadValue(context, fmt::format("{}.{}", path, name), value, number);
    const absl::Status status = SetParam(params, {.name = name.substr(0, 64), .value = number});
    if (!status.ok()) context.Complain(path, fmt::format(": {}", Message(status)));
  }
  const absl::Status status = CheckBounds(params);
  if (!status.ok()) context.Complain(path, fmt::format(": {}", Message(status)));
}

void ReadCount(Fields& fields, const std::string& name, size_t min, size_t max, size_t& out) {
  fields.Read(name, out);
  if (out >= min && out <= max) return;
  fields.context().Complain(fields.Path(name),
                            fmt::format("must be in {}..{}, is {}", min, max, out));
}

void ReadModel(Fields& parent, SimOptions& out) {
  const Json* json = parent.Find("model");
  if (json == nullptr) return;
  Fields fields(parent.context(), parent.Path("model"), *json);
  fields.Read("price", out.price);
  fields.Read("price_floor", out.price_floor);
  fields.Read("capacity_tokens", out.capacity_tokens);
  fields.Read("us_per_token", out.engine.us_per_token);
  fields.Read("us_per_prompt_token", out.engine.us_per_prompt_token);
}

void ReadNetwork(Fields& parent, SimOptions& out) {
  static const Json kNone = Json::object();
  const Json* json = parent.Find("network");
  ReadContext& context = parent.context();
  Fields fields(context, "network", json == nullptr ? kNone : *json);
  ReadCount(fields, "participants", 1, kParticipantsMax, out.participants);
  ReadCount(fields, "newcomers", 0, kParticipantsMax, out.newcomers);
  ReadCount(fields, "developers", 1, kDevelopersMax, out.developers);
  context.participants = out.participants + out.newcomers;
  context.developers = out.developers;
  fields.Read("balance", out.balance);
  fields.Read("allowance", out.allowance);
  fields.Read("collateral", out.collateral);
  fields.Read("weights", out.weights);
  fields.Read("sync_every", out.sync_every);
  fields.Read("links", out.links);
  ReadModel(fields, out);
  ReadParams(fields, out.params);
}

// What the world itself would abort over.
void CheckNetwork(ReadContext& context, const SimOptions& network) {
  if (!context.status.ok()) return;
  if (network.weights.size() > network.participants) {
    context.Complain("network.weights", fmt::format("has {} places, participants are {}",
                                                    network.weights.size(), network.participants));
  }
  const uint64_t allowed = network.allowance.units();
  const uint64_t each = network.balance.units() / network.participants;
  if (allowed > each) {
    context.Complain("network.allowance",
                     fmt::format("is {} for each of {} participants, and the balance only {}",
                                 allowed, network.participants, network.balance.units()));
  }
}

}  // namespace

absl::StatusOr<Scenario> ReadScenario(const std::string& file, std::string_view text) {
  ReadContext context{.file = file, .participants = 0, .developers = 0, .labels = {}, .status = {}};
  Scenario scenario;
  scenario.file = file;
  const Json json = ParseJson(context, text);
  {
    Fields fields(context, "", json);
    fields.Require("name", scenario.name);
    fields.Require("covers", scenario.covers);
    fields.Require("why", scenario.why);
    fields.Require("seeds", scenario.seeds);
    ReadNetwork(fields, scenario.network);
    CheckNetwork(context, scenario.network);
    ReadConduct(fields, "conduct", false, scenario.network.conduct);
    ReadConduct(fields, "habits", true, scenario.network.habits);
    const Json* timeline = fields.Find("timeline");
    if (timeline == nullptr) context.Complain("timeline", "is missing");
    if (timeline != nullptr && context.status.ok()) ReadTimeline(fields, *timeline, scenario);
    fields.Require("settled", scenario.settled);
    const Json* expect = fields.Find("expect");
    if (expect == nullptr) context.Complain("expect", "is missing");
    if (expect != nullptr) {
      Fields expectations(context, "expect", *expect);
      ReadExpectations(expectations, scenario.expect);
    }
  }
  if (scenario.seeds.empty() || scenario.seeds.size() > kSeedsMax) {
    context.Complain("seeds",
                     fmt::format("must be 1 to {}, are {}", kSeedsMax, scenario.seeds.size()));
  }
  if (!context.status.ok()) return context.status;
  return scenario;
}

}  // namespace gonka::testing
