// SPDX-License-Identifier: GPL-2.0-or-later
// Where the reassembler delivers: into the comparison, from one side. Private to compare/.
#pragma once

#include "compare/tcp_comparison.h"

namespace colo {

class TcpComparison::PrimarySink final : public StreamSink {
  public:
    PrimarySink(TcpComparison& comparison, Flow& flow, Backlog& backlog, Parked& segment)
        : comparison_(comparison), flow_(flow), backlog_(backlog), segment_(segment) {}
    void deliver(Bytes bytes, const Frame* frame) override {
        // Bytes where they lie are the held segment's own.
        comparison_.deliver_primary(flow_, backlog_, bytes, frame ? &segment_.chunk : nullptr);
    }

  private:
    TcpComparison& comparison_;
    Flow& flow_;
    Backlog& backlog_;
    Parked& segment_;
};

class TcpComparison::SecondarySink final : public StreamSink {
  public:
    SecondarySink(TcpComparison& comparison, Flow& flow, Backlog& backlog)
        : comparison_(comparison), flow_(flow), backlog_(backlog) {}
    void deliver(Bytes bytes, const Frame* frame) override {
        comparison_.deliver_secondary(flow_, backlog_, bytes, frame);
    }

  private:
    TcpComparison& comparison_;
    Flow& flow_;
    Backlog& backlog_;
};

}  // namespace colo
