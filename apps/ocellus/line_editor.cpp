#include "line_editor.h"

#include <iostream>
#include <utility>

#include "terminal.h"
#include "typed_input.h"

#if defined(OC_HAS_LIBEDIT)
#include <histedit.h>

#include <algorithm>
#include <array>
#include <clocale>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cwchar>
#endif

namespace oc {

#if defined(OC_HAS_LIBEDIT)

namespace {

// libedit takes letters apart by the locale. Where that has no UTF-8, one that does.
bool take_utf8_letters() {
  for (const char* name : {"", "C.UTF-8", "en_US.UTF-8", "UTF-8"}) {
    wchar_t wide[2] = {};
    if (std::setlocale(LC_CTYPE, name) != nullptr && std::mbstowcs(wide, "é", 2) == 1) return true;
  }
  return false;
}

std::wstring wide_text(const std::string& text) {
  std::wstring out(text.size() + 1, L'\0');
  const std::size_t size = std::mbstowcs(out.data(), text.c_str(), out.size());
  out.resize(size == static_cast<std::size_t>(-1) ? 0 : size);
  return out;
}

// The longest beginning that all have.
std::string common_beginning(const std::vector<std::string>& words) {
  std::string out = words.empty() ? "" : words.front();
  for (const std::string& word : words)
    out.resize(static_cast<std::size_t>(std::ranges::mismatch(out, word).in1 - out.begin()));
  while (!out.empty() && (out.back() & 0x80) != 0 &&
         std::mbstowcs(nullptr, out.c_str(), 0) == static_cast<std::size_t>(-1))
    out.pop_back();
  return out;
}

}  // namespace

class LineEditor::Edited {
 public:
  Edited(const std::string& prompt, const LineHistory& past, Complete complete)
      : prompt_(prompt), complete_(std::move(complete)) {
    history_ = history_init();
    editor_ = el_init("ocellus", stdin, stderr, stderr);
    if (editor_ == nullptr || history_ == nullptr) return;
    HistEvent event;
    history(history_, &event, H_SETSIZE, static_cast<int>(LineHistory::kMostLines));
    for (const std::string& line : past.lines()) history(history_, &event, H_ENTER, line.c_str());
    el_set(editor_, EL_CLIENTDATA, this);
    el_set(editor_, EL_PROMPT, &Edited::prompt);
    el_set(editor_, EL_EDITOR, "emacs");
    el_set(editor_, EL_HIST, history, history_);
    el_set(editor_, EL_SIGNAL, 1);  // the window's size, and the terminal as it was at the end
    el_set(editor_, EL_ADDFN, "ocellus-complete", "complete a command or path", &Edited::complete);
    el_set(editor_, EL_ADDFN, "ocellus-paste", "take what is pasted", &Edited::paste);
    el_set(editor_, EL_ADDFN, "ocellus-interrupt", "give the line up", &Edited::interrupt);
    el_set(editor_, EL_ADDFN, "ocellus-suspend", "stop the program", &Edited::suspend);
    el_set(editor_, EL_ADDFN, "ocellus-end", "an end that was typed before", &Edited::end);
    constexpr std::array<std::array<const char*, 2>, 14> kKeys = {{
        {"^I", "ocellus-complete"},
        {"\\e[200~", "ocellus-paste"},
        {"^C", "ocellus-interrupt"},
        {"^Z", "ocellus-suspend"},
        {"^@", "ocellus-end"},
        {"\\e[H", "ed-move-to-beg"},
        {"\\e[F", "ed-move-to-end"},
        {"\\eOH", "ed-move-to-beg"},
        {"\\eOF", "ed-move-to-end"},
        {"\\e[1~", "ed-move-to-beg"},
        {"\\e[4~", "ed-move-to-end"},
        {"\\e[3~", "ed-delete-next-char"},
        {"\\e[1;5C", "em-next-word"},
        {"\\e[1;5D", "ed-prev-word"},
    }};
    for (const auto& [key, function] : kKeys) el_set(editor_, EL_BIND, key, function, nullptr);
    // Ctrl-C and Ctrl-Z come as keys: a signal would only be seen at the next key.
    el_set(editor_, EL_SETTY, "-d", "-isig", nullptr);
    el_source(editor_, nullptr);  // ~/.editrc, as all programs with libedit
  }
  ~Edited() {
    if (editor_ != nullptr) el_end(editor_);
    if (history_ != nullptr) history_end(history_);
  }
  Edited(const Edited&) = delete;
  Edited& operator=(const Edited&) = delete;

  bool ready() const { return editor_ != nullptr && history_ != nullptr; }

  Read read(std::string& line) {
    constexpr std::string_view kTellPastes = "\x1b[?2004h", kPlainPastes = "\x1b[?2004l";
    interrupted_ = false;
    typed_before_ = stdin_has_input();
    tell_control(kTellPastes);
    el_set(editor_, EL_PREP_TERM, 1);  // before the prompt is there: nothing is echoed twice
    int size = 0;
    const char* text = el_gets(editor_, &size);
    tell_control(kPlainPastes);
    if (interrupted_) return Read::kInterrupted;
    if (text == nullptr || size <= 0) return Read::kEnd;
    line.assign(text, static_cast<std::size_t>(size));
    if (line.ends_with('\n')) line.pop_back();
    HistEvent event;
    if (!line.empty()) history(history_, &event, H_ENTER, line.c_str());
    return Read::kLine;
  }

 private:
  static Edited& of(EditLine* editor) {
    void* self = nullptr;
    el_get(editor, EL_CLIENTDATA, &self);
    return *static_cast<Edited*>(self);
  }

  static char* prompt(EditLine* editor) { return of(editor).prompt_.data(); }

  static unsigned char interrupt(EditLine* editor, int) {
    of(editor).interrupted_ = true;
    return CC_EOF;
  }

  static unsigned char suspend(EditLine*, int) {
    std::raise(SIGTSTP);  // libedit gives the terminal back, and takes it again
    return CC_REDISPLAY;
  }

  // Ctrl-D while nothing reads lines: the terminal keeps a zero in its place.
  static unsigned char end(EditLine* editor, int) {
    const LineInfo* info = el_line(editor);
    return of(editor).typed_before_ && info->lastchar == info->buffer ? CC_EOF : CC_ERROR;
  }

  // Up to the sequence that ends it. Newlines stay, other controls do not.
  static unsigned char paste(EditLine* editor, int) {
    constexpr std::wstring_view kEnd = L"\x1b[201~";
    std::wstring text;
    wchar_t letter = 0;
    while (el_wgetc(editor, &letter) == 1) {
      text += letter;
      if (text.ends_with(kEnd)) break;
    }
    if (text.ends_with(kEnd)) text.resize(text.size() - kEnd.size());
    std::wstring clean;
    for (std::size_t i = 0; i < text.size(); ++i) {
      const wchar_t c = text[i];
      if (c == L'\r' || c == L'\n') {
        if (c == L'\n' && i > 0 && text[i - 1] == L'\r') continue;
        clean += L'\n';
      } else if (c == L'\t') {
        clean += L' ';
      } else if (c >= L' ' && c != 0x7f && (c < 0x80 || c >= 0xa0)) {
        clean += c;
      }
    }
    while (clean.ends_with(L'\n')) clean.pop_back();
    return clean.empty() || el_winsertstr(editor, clean.c_str()) != 0 ? CC_ERROR : CC_REFRESH;
  }

  static unsigned char complete(EditLine* editor, int) {
    Edited& self = of(editor);
    const LineInfo* info = el_line(editor);
    const std::string before(info->buffer, info->cursor);
    const Completion found = self.complete_(before);
    if (found.words.empty()) return CC_ERROR;
    const std::string common = common_beginning(found.words);
    const std::string there = before.substr(before.size() - found.replaced);
    if (common != there && common.size() >= there.size()) {
      el_deletestr(editor, static_cast<int>(wide_text(there).size()));
      if (el_winsertstr(editor, wide_text(common).c_str()) != 0) return CC_ERROR;
      return CC_REFRESH;
    }
    if (found.words.size() < 2) return CC_ERROR;
    constexpr std::size_t kMost = 40;
    std::string list = "\n";
    for (std::size_t i = 0; i < std::min(found.words.size(), kMost); ++i)
      list += found.words[i] + "\n";
    if (found.words.size() > kMost) list += "…\n";
    tell(list);
    return CC_REDISPLAY;
  }

  std::string prompt_;
  Complete complete_;
  EditLine* editor_ = nullptr;
  History* history_ = nullptr;
  bool interrupted_ = false;
  bool typed_before_ = false;  // keys, before this line was read
};

bool has_line_editing() { return true; }

LineEditor::LineEditor(std::string prompt, LineHistory& history, Complete complete)
    : prompt_(std::move(prompt)), history_(history) {
  if (!stdin_is_terminal() || !stderr_redraws() || !take_utf8_letters()) return;
  edited_ = std::make_unique<Edited>(prompt_, history, std::move(complete));
  if (!edited_->ready()) edited_.reset();
}

#else

class LineEditor::Edited {
 public:
  Read read(std::string&) { return Read::kEnd; }
};

bool has_line_editing() { return false; }

LineEditor::LineEditor(std::string prompt, LineHistory& history, Complete)
    : prompt_(std::move(prompt)), history_(history) {}

#endif

LineEditor::~LineEditor() = default;

LineEditor::Read LineEditor::read(std::string& line) {
  if (edited_) {
    const Read done = edited_->read(line);
    if (done == Read::kLine) history_.add(line);
    return done;
  }
  if (stdin_is_terminal()) tell(prompt_);
  return std::getline(std::cin, line) ? Read::kLine : Read::kEnd;
}

}  // namespace oc
