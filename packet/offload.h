// SPDX-License-Identifier: GPL-2.0-or-later
// Does in software what a guest left to its network card: completes partial checksums and cuts GSO
// frames, for frames that go where no vnet header goes (a plain socket, a capture, a tap without
// vnet_hdr).
//
// The checksum of a frame to be cut is not on any wire: each piece gets one of its own. A complete
// checksum of a frame that stays whole is not looked at.
//
// Sources: VIRTIO 1.2 5.1.6; RFC 9293, RFC 3168 6.1.2 (CWR), RFC 768, RFC 791, RFC 8200 4.5.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "packet/flow_key.h"
#include "packet/frame.h"
#include "packet/view.h"
#include "packet/vnet_header.h"

namespace colo {

class Offload {
  public:
    /// The least an honest guest asks for: Linux keeps an MSS of 48 bytes for options and payload,
    /// of which options take 40 at most; and an IP fragment can't be smaller. It also keeps a UDP
    /// header in one fragment. So a frame becomes at most 65,535 / 8 pieces.
    static constexpr uint16_t kMinGsoSize = 8;
    /// Headers are copied into each piece: without a bound, 32 KiB of extension headers before 32
    /// KiB of payload would become 134 MB. Ethernet, two tags, IPv6 and the longest TCP header take
    /// 122 bytes. With both bounds a frame becomes at most 1.7 MB (in buffers: 2.4 MB).
    static constexpr uint32_t kMaxGsoHeaders = 192;

    /// In frames.
    struct Counters {
        uint64_t passed = 0;     ///< nothing to do
        uint64_t completed = 0;  ///< one checksum
        uint64_t cut = 0;
        uint64_t pieces = 0;  ///< what they were cut into
        std::array<uint64_t, static_cast<size_t>(VnetProblem::kCount)> refused{};

        uint64_t refused_for(VnetProblem problem) const {
            return refused[static_cast<size_t>(problem)];
        }
    };

    /// `hash` makes the identifications of IPv6 fragments hard to guess (RFC 7739). The pool must
    /// outlive this.
    explicit Offload(FramePool& pool, const FlowHash& hash = FlowHash::random())
        : pool_(pool), hash_(hash) {}

    /// Appends to `out` what `frame` is for somebody who knows no vnet header: the frame itself (a
    /// copy when a checksum is missing and there are other handles on its buffer), or its pieces in
    /// order. A frame that is refused stays with the caller, untouched, and nothing is appended.
    VnetProblem expand(Frame& frame, std::vector<Frame>& out);

    const Counters& counters() const { return counters_; }

  private:
    VnetProblem refuse(VnetProblem problem);
    void pass(Frame& frame, std::vector<Frame>& out);
    Frame completed(Frame& frame, const VnetHeader& header, const PacketView& view);
    void cut(Frame& frame, const VnetHeader& header, const PacketView& view,
             std::vector<Frame>& out);
    void cut_payload(const PacketView& view, const VnetHeader& header, std::vector<Frame>& out);
    void cut_into_fragments(Frame whole, uint32_t gso_size, std::vector<Frame>& out);
    void cut_ipv4(const PacketView& view, uint32_t size, std::vector<Frame>& out);
    void cut_ipv6(const PacketView& view, uint32_t size, std::vector<Frame>& out);

    FramePool& pool_;
    FlowHash hash_;
    uint32_t fragmented_ = 0;  ///< IPv6 datagrams
    Counters counters_;
};

}  // namespace colo
