#include <fmt/format.h>

#include "errors.h"
#include "gonka/protocol/block.h"
#include "gonka/protocol/genesis.h"
#include "topics.h"
#include "values.h"

namespace py = pybind11;

namespace gonka::python {
namespace {

template <class T>
T DecodeArgument(const py::object& value, const char* name) {
  return ValueOrThrow(Decode<T>(BytesFrom(value, name)));
}

std::string InferenceIdFrom(const py::object& network, const py::object& epoch,
                            const py::object& developer, const py::object& ta,
                            const py::object& sequence, const py::object& attempt) {
  Request request;
  request.network = NetworkId{HashFrom(network, "network")};
  request.epoch = NumberFrom(epoch, "epoch");
  request.developer = AccountId{HashFrom(developer, "developer")};
  request.ta = AccountId{HashFrom(ta, "ta")};
  request.sequence = NumberFrom(sequence, "sequence");
  const uint64_t number = NumberFrom(attempt, "attempt");
  if (number >= kAttemptsMax) {
    Throw(absl::InvalidArgumentError(
        fmt::format("attempt must be below {}, is {}", kAttemptsMax, number)));
  }
  return Hex(InferenceIdOf(request, static_cast<uint8_t>(number)));
}

std::string RequestDigestOf(const py::object& canonical_request, const py::object& salt) {
  return Hex(RequestDigest(DecodeArgument<CanonicalRequest>(canonical_request, "canonical_request"),
                           HashFrom(salt, "salt")));
}

FinishCode FinishFrom(const std::string& name) {
  for (const FinishCode code : {FinishCode::kStop, FinishCode::kLength, FinishCode::kCancelled}) {
    if (name == NameOf(code)) return code;
  }
  Throw(absl::InvalidArgumentError(
      fmt::format("finish must be stop, length or cancelled, is '{}'", name.substr(0, 80))));
}

std::string OutputDigestOf(const py::sequence& tokens, const std::string& finish,
                           const py::object& salt) {
  if (tokens.size() > OutputTokens::kMax) {
    Throw(absl::InvalidArgumentError(fmt::format("at most {} tokens make an output, here are {}",
                                                 OutputTokens::kMax, tokens.size())));
  }
  OutputTokens output;
  for (const py::handle& token : tokens) {
    const uint64_t id = NumberFrom(token, "token");
    if (id > UINT32_MAX) {
      Throw(absl::InvalidArgumentError(fmt::format("token must be below 2^32, is {}", id)));
    }
    output.push_back(static_cast<uint32_t>(id));
  }
  return Hex(OutputDigest(output, FinishFrom(finish), HashFrom(salt, "salt")));
}

std::string NetworkIdFrom(const py::object& genesis) {
  return Hex(NetworkIdOf(DecodeArgument<Genesis>(genesis, "genesis")));
}
std::string BlockHashOf(const py::object& header) {
  return Hex(HashOf(DecodeArgument<BlockHeader>(header, "header")));
}
std::string TxHashOf(const py::object& signed_tx) {
  return Hex(HashOf(DecodeArgument<SignedTx>(signed_tx, "signed_tx")));
}
std::string ApiKeyDigestOf(const std::string& key) {
  return Hex(ApiKeyDigest(AsBytes(key)));
}

}  // namespace

void AddIds(py::module_& module) {
  using py::arg;
  module.def("inference_id", &InferenceIdFrom, arg("network"), arg("epoch"), arg("developer"),
             arg("ta"), arg("sequence"), arg("attempt") = 0,
             "The id of one attempt at one request of a developer to a transfer agent.");
  module.def("request_digest", &RequestDigestOf, arg("canonical_request"), arg("salt"),
             "What the ledger sees of a request, from the encoded CanonicalRequest.");
  module.def("output_digest", &OutputDigestOf, arg("tokens"), arg("finish"), arg("salt"),
             "What the ledger sees of an answer: its token ids and how it ended.");
  module.def("network_id", &NetworkIdFrom, arg("genesis"), "Of an encoded Genesis.");
  module.def("block_hash", &BlockHashOf, arg("header"), "Of an encoded BlockHeader.");
  module.def("tx_hash", &TxHashOf, arg("signed_tx"), "Of an encoded SignedTx.");
  module.def("api_key_digest", &ApiKeyDigestOf, arg("key"),
             "What an allowance says of an API key.");
}

}  // namespace gonka::python
