// SPDX-License-Identifier: GPL-2.0-or-later
#include "link/hello.h"

#include <algorithm>
#include <cstring>

#include "link/message_header.h"

namespace colo {

namespace {

constexpr uint8_t kMagic[8] = {'c', 'o', 'l', 'o', 'l', 'i', 'n', 'k'};
constexpr uint8_t kMandatory = 1;
constexpr uint32_t kMaxWindow = 1u << 30;

void put_u32(std::vector<uint8_t>& out, uint32_t value) {
    out.resize(out.size() + 4);
    store_be32(out.data() + out.size() - 4, value);
}

/// Behind its length, a byte.
void put_text(std::vector<uint8_t>& out, const std::string& text) {
    out.push_back(static_cast<uint8_t>(text.size()));
    out.insert(out.end(), text.begin(), text.end());
}

class Reader {
  public:
    explicit Reader(Bytes bytes) : rest_(bytes) {}

    bool ok() const { return ok_; }
    Bytes take(size_t size) {
        if (size > rest_.size()) {
            ok_ = false;
            rest_ = {};
            return {};
        }
        const Bytes taken = rest_.first(size);
        rest_ = rest_.subspan(size);
        return taken;
    }
    uint8_t byte() {
        const Bytes taken = take(1);
        return taken.empty() ? uint8_t{0} : taken[0];
    }
    uint32_t u32() {
        const Bytes taken = take(4);
        return taken.empty() ? 0 : load_be32(taken.data());
    }
    std::string text() {
        const Bytes taken = take(byte());
        return std::string(taken.begin(), taken.end());
    }

  private:
    Bytes rest_;
    bool ok_ = true;
};

std::string versions(const Hello& hello) {
    return std::to_string(hello.oldest_version) + " to " + std::to_string(hello.newest_version);
}

bool makes_sense(const Hello& hello) {
    return hello.oldest_version >= 1 && hello.oldest_version <= hello.newest_version &&
           hello.stream_window >= 1 && hello.stream_window <= kMaxWindow &&
           hello.name.size() <= Hello::kMaxNameBytes;
}

}  // namespace

const Capability* Hello::find(std::string_view capability) const {
    const auto found = std::ranges::find(capabilities, capability, &Capability::name);
    return found == capabilities.end() ? nullptr : &*found;
}

std::vector<uint8_t> encode(const Hello& hello) {
    std::vector<uint8_t> out(std::begin(kMagic), std::end(kMagic));
    out.push_back(hello.oldest_version);
    out.push_back(hello.newest_version);
    put_u32(out, hello.stream_window);
    put_u32(out, hello.max_streams);
    put_text(out, hello.name);
    out.push_back(static_cast<uint8_t>(hello.capabilities.size()));
    for (const Capability& capability : hello.capabilities) {
        out.push_back(capability.mandatory ? kMandatory : 0);
        put_text(out, capability.name);
        put_text(out, capability.value);
    }
    return out;
}

/// What follows the capabilities is a later version's.
std::optional<Hello> decode_hello(Bytes payload) {
    Reader reader(payload);
    const Bytes magic = reader.take(sizeof(kMagic));
    if (magic.empty() || std::memcmp(magic.data(), kMagic, sizeof(kMagic)) != 0) return {};
    Hello hello;
    hello.oldest_version = reader.byte();
    hello.newest_version = reader.byte();
    hello.stream_window = reader.u32();
    hello.max_streams = reader.u32();
    hello.name = printable(reader.text());
    const size_t count = reader.byte();
    if (count > Hello::kMaxCapabilities) return {};
    for (size_t i = 0; i < count && reader.ok(); ++i) {
        Capability& capability = hello.capabilities.emplace_back();
        capability.mandatory = (reader.byte() & kMandatory) != 0;
        capability.name = reader.text();
        capability.value = reader.text();
    }
    if (!reader.ok() || !makes_sense(hello)) return {};
    return hello;
}

LinkStatus judge(const Hello& ours, const Hello& theirs, const std::vector<std::string>& known) {
    if (std::max(ours.oldest_version, theirs.oldest_version) >
        std::min(ours.newest_version, theirs.newest_version)) {
        return {LinkCode::kRefused, "no version in common: " + versions(ours) + " here, " +
                                        versions(theirs) + " there"};
    }
    for (const Capability& capability : theirs.capabilities) {
        const bool is_known = std::ranges::find(known, capability.name) != known.end();
        if (is_known || !capability.mandatory) continue;
        return {LinkCode::kRefused,
                "capability '" + printable(capability.name) + "' is mandatory and not known here"};
    }
    return {};
}

}  // namespace colo
