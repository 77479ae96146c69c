#pragma once

// One maker a file; catalog.cc lists them.

#include "gonka/testing/strategy.h"

namespace gonka::testing::strategies {

std::unique_ptr<Strategy> MakeHonest();
std::unique_ptr<Strategy> MakeOddHardware();
std::unique_ptr<Strategy> MakeOtherModel();
std::unique_ptr<Strategy> MakeCheats();
std::unique_ptr<Strategy> MakeTampers();
std::unique_ptr<Strategy> MakeRefuses();
std::unique_ptr<Strategy> MakeGoesSilent();
std::unique_ptr<Strategy> MakeWithholdsPayload();
std::unique_ptr<Strategy> MakeNeverChecks();
std::unique_ptr<Strategy> MakeApprovesUnseen();
std::unique_ptr<Strategy> MakeApprovesFriends();
std::unique_ptr<Strategy> MakeAccuses();
std::unique_ptr<Strategy> MakeCartel();
std::unique_ptr<Strategy> MakeFrames();
std::unique_ptr<Strategy> MakeSteers();
std::unique_ptr<Strategy> MakeNamesFriend();
std::unique_ptr<Strategy> MakeWithholdsStart();
std::unique_ptr<Strategy> MakeNeverDelivers();
std::unique_ptr<Strategy> MakeDeliversOther();
std::unique_ptr<Strategy> MakeTakesAndDenies();
std::unique_ptr<Strategy> MakeWithholdsLinks();
std::unique_ptr<Strategy> MakeSprintFreeRider();
std::unique_ptr<Strategy> MakeSprintOverclaims();
std::unique_ptr<Strategy> MakeSprintCopies();
std::unique_ptr<Strategy> MakeSprintApproves();

std::unique_ptr<Strategy> MakePrefills();
std::unique_ptr<Strategy> MakeReplays();
std::unique_ptr<Strategy> MakeJudgesUnasked();
std::unique_ptr<Strategy> MakeFlipsVerdicts();
std::unique_ptr<Strategy> MakeFloods();
std::unique_ptr<Habit> MakeDisputesEverything();
std::unique_ptr<Habit> MakeSpendsEverywhere();
std::unique_ptr<Habit> MakeSearchesOddPrompts();
std::unique_ptr<Habit> MakeWashTrader();

}  // namespace gonka::testing::strategies
