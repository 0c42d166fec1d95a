#include "runtime/verify/examine.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "runtime/verify/own_answers.h"
#include "runtime/verify/own_files.h"

namespace oc {
namespace {

Result<Check> check_goldens(const std::vector<GoldenSet>& sets, const ExamineOptions& options,
                            Certificate& certificate, std::vector<std::string>& fingerprints) {
  std::vector<std::string> names;
  for (const GoldenSet& set : sets) {
    OC_ASSIGN_OR_RETURN(const std::vector<std::string> checkpoints,
                        recompute_golden_set(set, options.engine,
                                             {.max_model_tokens = options.max_model_tokens,
                                              .progress = options.progress},
                                             certificate.report));
    fingerprints.insert(fingerprints.end(), checkpoints.begin(), checkpoints.end());
    for (const GoldenCheckpoint& checkpoint : set.checkpoints)
      names.push_back(fmt::format("{} {}", set.folder.filename().string(), checkpoint.name));
  }
  const VerifyReport& report = certificate.report;
  Check check{.name = "goldens",
              .figures = {{"compared", report.checked()}, {"failed", report.failed()}}};
  check.text =
      fmt::format("{}: all of {} comparisons are within their limits, {} of {} greedy tokens equal",
                  fmt::join(names, ", "), report.checked(), certificate.equal_tokens(),
                  certificate.answer_tokens());
  if (report.failed() > 0) {
    check.verdict = Verdict::kWrong;
    check.text = fmt::format(
        "{}: {} of {} comparisons failed: this build computes wrong on this "
        "machine. Please report it with the certificate (--json)",
        fmt::join(names, ", "), report.failed(), report.checked());
  }
  return check;
}

// Where the files come from, if they are what is there.
std::optional<std::string> repo_of(const Check& files) {
  const auto* const repo = files.figures.if_contains("repo");
  if (repo == nullptr || files.verdict != Verdict::kRight) return std::nullopt;
  return std::string(repo->as_string());
}

// The anchor's, where there is one for these weights; else what they make of a paragraph.
Result<void> check_knowledge(const Model& model, const std::vector<GoldenSet>& sets,
                             std::vector<Check>& checks) {
  const std::optional<std::string> repo = repo_of(checks.front());
  for (const GoldenSet& set : sets) {
    OC_ASSIGN_OR_RETURN(const std::vector<Anchor> anchors, read_anchors(set.folder));
    for (const Anchor& anchor : anchors) {
      std::optional<Check> check = check_anchor(model, anchor, repo);
      if (!check) continue;
      const bool judged = check->verdict != Verdict::kNotCompared;
      checks.push_back(*std::move(check));
      if (judged) return {};
    }
  }
  checks.push_back(check_paragraph(model));
  return {};
}

}  // namespace

Result<void> examine(const Model& model, const std::vector<GoldenSet>& sets,
                     const ExamineOptions& options, Certificate& certificate) {
  const auto hear = [&](std::string_view stage) -> FileProgress {
    if (!options.progress) return {};
    return [&options, stage](std::string_view name) { options.progress(stage, name); };
  };
  const auto tell = [&](std::string_view stage) {
    if (options.progress) options.progress(stage, "");
  };
  std::vector<Check>& checks = certificate.checks;
  checks.push_back(check_files(model.info().path, certificate.files, hear("manifest")));
  {  // mapped for so long only
    OC_ASSIGN_OR_RETURN(const auto checkpoint, Checkpoint::open(model.info().path));
    checks.push_back(check_finite(*checkpoint, hear("values of")));
  }
  std::vector<std::string> fingerprints;
  OC_ASSIGN_OR_RETURN(Check goldens, check_goldens(sets, options, certificate, fingerprints));
  checks.push_back(std::move(goldens));
  tell("a paragraph");
  if (std::ranges::find(fingerprints, certificate.fingerprint) != fingerprints.end())
    checks.push_back({.name = "paragraph",
                      .verdict = Verdict::kNotCompared,
                      .text = "these weights are golden data themselves: see there"});
  else
    OC_RETURN_IF_ERROR(check_knowledge(model, sets, checks));
  tell("an answer, three times");
  for (Check& check : check_repeats(model, options.engine)) checks.push_back(std::move(check));
  return {};
}

}  // namespace oc
