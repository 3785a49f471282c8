// SPDX-License-Identifier: GPL-2.0-or-later
#include "pair/pair_start.h"

#include <array>
#include <stdexcept>
#include <utility>
#include <variant>

#include "qemu/colo_checks.h"

namespace colo {

PairStart::PairStart(PairContext& context, std::string uri, bool disk_is_external, Owner& owner)
    : context_(context), uri_(std::move(uri)), disk_is_external_(disk_is_external), owner_(owner) {}

std::string PairStart::missing(PairContext& context) {
    if (const std::string vm = context.nics.missing_vm(); !vm.empty())
        return "no VM: QEMU's netdev has not connected to " + vm;
    if (!context.qemu.is_ready()) return "the primary's QEMU does not answer: " + context.qemu.problem();
    if (!context.link.session()) return "no secondary at " + context.link.address() + ": " + context.link.problem();
    return {};
}

void PairStart::run() {
    if (const std::string why = missing(context_); !why.empty()) throw std::runtime_error(why);
    inspect_ours();
}

void PairStart::fail(const std::string& why) { owner_.start_failed(why); }

void PairStart::inspect_ours() {
    step_ = "looking at the primary's QEMU";
    context_.qemu.inspect(guard_.wrap([this](const VmFacts* facts, const std::optional<std::string>& error) {
        if (!facts) return fail(*error);
        ours_ = *facts;
        inspect_theirs();
    }));
}

void PairStart::inspect_theirs() {
    step_ = "looking at the secondary's QEMU";
    LinkSession* session = context_.link.session();
    std::array<uint8_t, 4> nics;
    store_be32(nics.data(), static_cast<uint32_t>(context_.nics.all().size()));
    const auto procedure = static_cast<uint32_t>(PeerProcedure::kInspect);
    const auto answer = guard_.wrap([this](const LinkStatus& status, Bytes payload) {
        if (!status.ok()) return fail(status.text);
        const auto decoded = decode_vm_facts(text_of(payload));
        if (const auto* problem = std::get_if<std::string>(&decoded))
            return fail("what the secondary says of its QEMU is refused: " + *problem);
        check(std::get<VmFacts>(decoded));
    });
    if (!session || !session->call(procedure, 0, nics, answer)) fail("the secondary is gone");
}

void PairStart::check(const VmFacts& theirs) {
    if (const auto problem = colo_problem(ours_, theirs, disk_is_external_)) return fail(*problem);
    prepare_theirs();
}

void PairStart::prepare_theirs() {
    step_ = "preparing the secondary's QEMU";
    LinkSession* session = context_.link.session();
    std::array<uint8_t, 4> delay;
    store_be32(delay.data(), context_.settings.max_interval_ms());
    const auto procedure = static_cast<uint32_t>(PeerProcedure::kPrepare);
    const auto answer = guard_.wrap([this](const LinkStatus& status, Bytes) {
        if (!status.ok()) return fail(status.text);
        prepare_ours();
    });
    if (!session || !session->call(procedure, 0, delay, answer)) fail("the secondary is gone");
}

void PairStart::prepare_ours() {
    step_ = "preparing the primary's QEMU";
    ColoSettings settings;
    settings.checkpoint_delay_ms = context_.settings.max_interval_ms();
    settings.is_redirected = context_.nics.any_is_redirected();
    context_.qemu.set_up(Role::kPrimary, settings, guard_.wrap([this](const std::optional<std::string>& error) {
                             if (error) return fail(*error);
                             migrate();
                         }));
}

void PairStart::migrate() {
    step_ = "migrating";
    if (const auto why_not = owner_.migration_begins()) return fail(*why_not);
    context_.qemu.migrate(
        uri_, guard_.wrap([this](const MigrationProgress& progress) { owner_.migration_progress(progress); }),
        guard_.wrap([this](const std::optional<std::string>& error) {
            if (error) fail(*error);
        }));
}

}  // namespace colo
