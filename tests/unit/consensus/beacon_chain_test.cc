#include "gonka/consensus/beacon_chain.h"

#include "unit/consensus/small_network.h"

namespace gonka::consensus {
namespace {

const Hash kSeed = HashOfText("seed");

TEST_CASE("links are revealed last first, down to the first value and no further") {
  for (const uint32_t length : {1u, 2u, 3u, 15u, 16u, 17u, 100u}) {
    CAPTURE(length);
    BeaconChain chain(kSeed, length);
    Hash head = chain.End(0);
    for (uint32_t left = length; left > 0; --left) {
      CHECK(*chain.Remaining(head) == left);
      const auto link = chain.LinkBefore(head);
      REQUIRE(link.ok());
      CHECK(BeaconChainStep(*link) == head);
      head = *link;
    }
    CHECK(*chain.Remaining(head) == 0);
    CHECK(chain.LinkBefore(head).status().code() == absl::StatusCode::kResourceExhausted);
  }
}

TEST_CASE("any head of any generation is found without a hint") {
  BeaconChain chain(kSeed, 50);
  Hash middle = chain.End(7);
  for (int i = 0; i < 23; ++i) middle = *BeaconChain(kSeed, 50).LinkBefore(middle);
  CHECK(*chain.Remaining(middle) == 27);
  CHECK(chain.generation() == 7);
  CHECK(*chain.Remaining(chain.End(8)) == 50);
  CHECK(*chain.Remaining(chain.End(0)) == 50);
  CHECK(chain.generation() == 0);
}

TEST_CASE("a hint finds generations that the search from the start would not reach") {
  BeaconChain chain(kSeed, 5);
  const Hash far = chain.End(BeaconChain::kGenerationsMax + 100);
  CHECK(chain.Remaining(far).status().code() == absl::StatusCode::kFailedPrecondition);
  chain.SearchFrom(BeaconChain::kGenerationsMax);
  CHECK(*chain.Remaining(far) == 5);
}

TEST_CASE("a head of another seed, and no head at all, are refused and named") {
  BeaconChain chain(kSeed, 50);
  const Hash foreign = BeaconChain(HashOfText("another"), 50).End(0);
  CHECK(chain.LinkBefore(foreign).status().code() == absl::StatusCode::kFailedPrecondition);
  CHECK(Message(chain.LinkBefore(foreign).status()).find(Hex(foreign)) != std::string::npos);
  CHECK(chain.LinkBefore({}).status().code() == absl::StatusCode::kFailedPrecondition);
  CHECK(*chain.Remaining(chain.End(0)) == 50);  // Works on afterwards.
}

TEST_CASE("generations have nothing in common") {
  const BeaconChain chain(kSeed, 3);
  CHECK(chain.End(0) != chain.End(1));
  CHECK(chain.End(0) == BeaconChain(kSeed, 3).End(0));
  CHECK(chain.End(0) != BeaconChain(kSeed, 4).End(0));
}

}  // namespace
}  // namespace gonka::consensus
