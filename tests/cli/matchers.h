// SPDX-License-Identifier: MIT
// What every failure of the program has in common.
#pragma once

#include <gmock/gmock.h>

#include <initializer_list>
#include <string>

#include "cli/program.h"

namespace ttscale::testing {

/// The program failed with this exit code, and said why in exactly one line, its last, that holds all the fragments.
inline void expect_failure(const Outcome& outcome, int exit_code, std::initializer_list<std::string> fragments) {
  SCOPED_TRACE("stderr:\n" + outcome.err + "\nstdout:\n" + outcome.out);
  EXPECT_EQ(outcome.exit_code, exit_code);
  const auto errors = outcome.errors();
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_THAT(outcome.err, ::testing::EndsWith(errors.front() + '\n'));
  for (const std::string& fragment : fragments) {
    EXPECT_THAT(errors.front(), ::testing::HasSubstr(fragment));
  }
  EXPECT_THAT(outcome.err,
              ::testing::Not(::testing::AnyOf(::testing::HasSubstr("frame #"), ::testing::HasSubstr("Exception raised"),
                                              ::testing::HasSubstr("terminate called"))));
}

}  // namespace ttscale::testing
