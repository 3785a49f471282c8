// SPDX-License-Identifier: GPL-2.0-or-later
// Who has which address, as far as has been heard. Bounded: above max_entries the one that was not
// heard for longest goes, counted.
#pragma once

#include <boost/unordered/unordered_flat_set.hpp>
#include <cstdint>

#include "compare/list.h"
#include "compare/node_pool.h"
#include "packet/flow_key.h"
#include "packet/neighbour_message.h"

namespace colo {

class NeighbourTable {
  public:
    NeighbourTable(size_t max_entries, const FlowHash& hash)
        : max_entries_(max_entries), index_(0, AddressHash{hash}) {}
    NeighbourTable(const NeighbourTable&) = delete;
    NeighbourTable& operator=(const NeighbourTable&) = delete;

    void learn(const LinkAddress& address, const MacAddress& mac);
    const MacAddress* find(const LinkAddress& address) const;
    /// Calls visit(address, mac), longest unheard first.
    template <typename Visit>
    void for_each(Visit visit) const;

    size_t size() const { return index_.size(); }
    uint64_t displaced() const { return displaced_; }

  private:
    struct Entry {
        Entry(const LinkAddress& its_address, const MacAddress& its_mac)
            : address(its_address), mac(its_mac) {}

        LinkAddress address;
        MacAddress mac;
        Entry* previous = nullptr;
        Entry* next = nullptr;
    };
    struct AddressHash {
        using is_transparent = void;
        using is_avalanching = void;
        FlowHash hash;
        size_t operator()(const LinkAddress& address) const { return hash.of_words(address); }
        size_t operator()(const Entry* entry) const { return (*this)(entry->address); }
    };
    struct AddressEqual {
        using is_transparent = void;
        bool operator()(const Entry* a, const Entry* b) const { return a == b; }
        bool operator()(const LinkAddress& address, const Entry* entry) const {
            return address == entry->address;
        }
        bool operator()(const Entry* entry, const LinkAddress& address) const {
            return address == entry->address;
        }
    };

    void drop_oldest();

    size_t max_entries_;
    boost::unordered_flat_set<Entry*, AddressHash, AddressEqual> index_;
    NodePool<Entry> pool_;
    Chain<Entry, &Entry::previous, &Entry::next> by_age_;
    Entry* recent_ = nullptr;  ///< the last one learnt
    uint64_t displaced_ = 0;
};

template <typename Visit>
void NeighbourTable::for_each(Visit visit) const {
    for (const Entry* entry = by_age_.front(); entry; entry = entry->next) {
        visit(entry->address, entry->mac);
    }
}

}  // namespace colo
