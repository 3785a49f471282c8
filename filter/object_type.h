// SPDX-License-Identifier: GPL-2.0-or-later
// The types of object there are. A new one is one file, which defines a registration:
//
//   const ObjectType type("filter-dump", [](FilterHost& host, std::string id, OptionReader& options) { ... });
//
// The library is linked whole, so that no type is left out.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "filter/object.h"
#include "filter/option_reader.h"

namespace colo {

class FilterHost;

/// Objects that a command line makes come in this order, whatever their order there.
enum class MakeOrder : uint8_t {
    kBeforeChardevs,  ///< chardevs name them: credentials
    kBeforeOthers,    ///< other objects name them
    kUsual,
};

class ObjectType {
  public:
    /// Takes what it knows out of `options`; "id" and "qom-type" are out already. Throws as
    /// OptionReader does.
    using Make = std::unique_ptr<Object> (*)(FilterHost& host, std::string id, OptionReader& options);

    ObjectType(const char* name, Make make, MakeOrder order = MakeOrder::kUsual);
    ObjectType(const ObjectType&) = delete;
    ObjectType& operator=(const ObjectType&) = delete;

    const char* name() const { return name_; }
    MakeOrder order() const { return order_; }
    std::unique_ptr<Object> make(FilterHost& host, std::string id, OptionReader& options) const {
        return make_(host, std::move(id), options);
    }

    /// nullptr: there is none.
    static const ObjectType* find(std::string_view name);
    /// Sorted.
    static std::vector<std::string> names();

  private:
    const char* name_;
    Make make_;
    MakeOrder order_;
    const ObjectType* next_;
};

}  // namespace colo
