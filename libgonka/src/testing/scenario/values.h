#pragma once

// The values of a scenario's fields that are not JSON's own.

#include "gonka/testing/scenario.h"
#include "testing/scenario/fields.h"

namespace gonka::testing {

// 3, "executor of LABEL", "transfer agent of LABEL" or "validator of LABEL".
void ReadValue(ReadContext& context, const std::string& path, const Json& json, Place& out);
// A number, or {"min": ..., "max": ...}.
void ReadValue(ReadContext& context, const std::string& path, const Json& json, Range& out);
void ReadValue(ReadContext& context, const std::string& path, const Json& json, Conduct& out);
void ReadValue(ReadContext& context, const std::string& path, const Json& json, LinkOptions& out);

void ReadParticipant(Fields& fields, const std::string& name, size_t& out);
void ReadDeveloper(Fields& fields, const std::string& name, size_t& out);
void ReadParticipants(Fields& fields, const std::string& name, std::vector<size_t>& out);
void ReadDevelopers(Fields& fields, const std::string& name, std::vector<size_t>& out);
// The label of a request that was asked before.
void ReadLabel(Fields& fields, const std::string& name, std::string& out);
void ReadCode(Fields& fields, const std::string& name, TxCode& out);
// By place: {"1": [{"strategy": ...}]}; of developers, their habits.
void ReadConduct(Fields& fields, const std::string& name, bool of_developers,
                 std::map<size_t, std::vector<Conduct>>& out);

void ReadTimeline(Fields& fields, const Json& json, Scenario& scenario);
void ReadExpectations(Fields& fields, Expectations& out);

}  // namespace gonka::testing
