// SPDX-License-Identifier: GPL-2.0-or-later
#include "monitor/json.h"

#include "monitor/json_value.h"

namespace colo {

namespace {

constexpr size_t kLongestQuote = 160;

/// Looks at everything once and keeps nothing.
class Inspector final : public nlohmann::json_sax<Json> {
  public:
    explicit Inspector(std::string& error) : error_(error) {}

    bool null() override { return true; }
    bool boolean(bool) override { return true; }
    bool number_integer(number_integer_t) override { return true; }
    bool number_unsigned(number_unsigned_t) override { return true; }
    bool number_float(number_float_t, const string_t&) override { return true; }
    bool binary(binary_t&) override { return true; }
    bool start_object(size_t) override { return enter(); }
    bool end_object() override { return leave(); }
    bool start_array(size_t) override { return enter(); }
    bool end_array() override { return leave(); }

    bool string(string_t& text) override {
        return text.find('\0') == std::string::npos || refuse("\\u0000 is not supported");
    }
    bool key(string_t& name) override {
        if (++members_ <= kMaxMembers) return string(name);
        return refuse("more than " + std::to_string(kMaxMembers) + " members");
    }
    bool parse_error(size_t, const std::string&,
                     const nlohmann::detail::exception& exception) override {
        const std::string_view what = exception.what();
        const size_t tag = what.find("] ");  // of the library's own numbering
        return refuse(clipped(tag == std::string_view::npos ? what : what.substr(tag + 2)));
    }

  private:
    bool enter() {
        if (++depth_ <= kMaxNesting) return true;
        return refuse("more than " + std::to_string(kMaxNesting) + " levels");
    }
    bool leave() {
        --depth_;
        return true;
    }
    bool refuse(std::string why) {
        error_ = std::move(why);
        return false;
    }

    std::string& error_;
    size_t members_ = 0;
    unsigned depth_ = 0;
};

}  // namespace

std::unique_ptr<Json> parse_json(std::string_view text, std::string& error) {
    Inspector inspector(error);
    if (!Json::sax_parse(text, &inspector)) return nullptr;
    return std::make_unique<Json>(Json::parse(text, nullptr, false));
}

std::string to_line(const Json& value) {
    return value.dump(-1, ' ', true, Json::error_handler_t::replace);
}

std::string clipped(std::string_view text) {
    if (text.size() <= kLongestQuote) return std::string(text);
    return std::string(text.substr(0, kLongestQuote)) + "...";
}

}  // namespace colo
