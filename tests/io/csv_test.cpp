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

TEST(Csv, NoTextIsAFormula) {
  for (const std::string text : {"=1+1", "+1-1", "-x", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1",
                                 "＋1", "－1", "＠1", "'=1", "''@", "-", "-1.", "1.2.3-"})
    EXPECT_EQ(csv_text(text), (text.front() == '1' ? "" : "'") + text);
  for (const std::string text : {"", "'", "cat", "-5", "+1.50", "12", "a=b", "'tis", "1-2", "ünï"})
    EXPECT_EQ(csv_text(text), text);
}

}  // namespace
}  // namespace oc
