// Picture files for the verbs.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "image/fit.h"
#include "image/image.h"
#include "models/image_plan.h"

namespace oc {

struct NamedImage {
  std::string file;  // as given, or the beginning of it; "-" is standard input
  ImageInfo info;    // as stored
  std::shared_ptr<const Image> image;
};

// Whether a word of the command line can only mean a picture that is there.
bool names_image(const std::string& word);
// That, or it is an address, or ends as pictures' names do, and has no space, or begins as a path
// and is there: what cannot be read is no question.
bool is_picture_word(const std::string& word);
// The path of "file:///a%20b.png" or "~/a.png"; any other name as it is, and so is one of a file
// that begins with ~.
std::string local_path(const std::string& name);
// The pictures that a line means which names nothing else, as terminals write files that are
// dropped on them, or as people type them: in quotes, with backslashes or spaces, as file: URIs, or
// with ~ for the home folder. They need not be there. Empty: it is no such line.
std::vector<std::string> dropped_images(std::string_view line);

// Reads and decodes a file (also "~/…"), a FIFO (<(command) is one), a data: or file: URI, or
// standard input ("-", which can be read once). Errors name it, and say what to do about folders
// and addresses.
Result<NamedImage> read_image(const std::string& file, const ImageSettings& settings = {});
// What is to be known of a picture is told on standard error.
Result<std::vector<NamedImage>> read_images(const std::vector<std::string>& files,
                                            const ImageSettings& settings = {});

// The pictures of a video's frames, in order: the files as they are named, and those of a folder by
// name, numbers in it by their value. What in a folder is hidden, a folder, or by its name no
// picture is left out and told on standard error. Errors: a folder that cannot be read or has no
// picture, more than `most`.
Result<std::vector<std::string>> frame_files(const std::vector<std::string>& names,
                                             std::size_t most);

// What is known of a picture, and how a model is shown it.
boost::json::object image_json(const NamedImage& picture, const ImagePlan& plan);

}  // namespace oc
