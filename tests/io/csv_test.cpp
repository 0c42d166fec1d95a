#include "io/csv.h"

#include <gtest/gtest.h>

namespace oc {
namespace {

using Row = std::vector<std::string>;

TEST(Csv, WhatIsWrittenIsRead) {
  const Row row = {"plain", "", "a,b", "say \"yes\"", "two\nlines", " space", "\"", "ünï"};
  EXPECT_EQ(csv_row(row),
            "plain,,\"a,b\",\"say \"\"yes\"\"\",\"two\nlines\",\" space\",\"\"\"\",ünï");
  EXPECT_EQ(csv_values(csv_row(row)), row);
}

TEST(Csv, EmptyValuesCount) {
  EXPECT_EQ(csv_values(""), Row{""});
  EXPECT_EQ(csv_values(",,"), (Row{"", "", ""}));
  EXPECT_EQ(csv_row(Row{"", ""}), ",");
}

}  // namespace
}  // namespace oc
