// SPDX-License-Identifier: GPL-2.0-or-later
// What -object and object-add make: a thing with an id, a type, and properties that QMP can read and,
// some of them, set.
//
// Construction has two phases, each of which can fail and leave nothing behind: the type's make()
// reads the options; complete() finds the chardevs and netdevs they name and attaches to them. From
// then on frames flow.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "packet/time.h"

namespace colo {

using Value = std::variant<std::string, bool, uint64_t>;

struct Property {
    std::string name;
    const char* type;  ///< as qom-list-properties says it: "string", "bool", "uint32", ...
    std::function<Value()> get;
    /// Empty: fixed at creation. Throws std::invalid_argument that says what is wrong with the value.
    std::function<void(const Value&)> set = {};
};

class Object {
  public:
    Object(const char* type, std::string id) : type_(type), id_(std::move(id)) {}
    Object(const Object&) = delete;
    Object& operator=(const Object&) = delete;
    /// At any point of its construction.
    virtual ~Object() = default;

    const char* type() const { return type_; }
    const std::string& id() const { return id_; }
    /// Such as "filter-mirror 'm0'".
    std::string what() const { return std::string(type_) + " '" + id_ + "'"; }

    /// Throws std::runtime_error or std::invalid_argument that names the object and the key.
    virtual void complete() = 0;
    virtual std::vector<Property> properties() = 0;

    /// Others name it: it cannot be removed.
    virtual bool is_in_use() const { return false; }

    /// A checkpoint has made the secondary a copy of the primary.
    virtual void fenced() {}
    /// The VM of this process goes on alone. False: of no meaning for the object.
    virtual bool failed_over(Time /*now*/) { return false; }

  private:
    const char* type_;
    std::string id_;
};

/// A value as a setter gets it: what a text monitor or a careless client sends as a string is converted.
bool bool_of(const Value& value);
uint64_t uint_of(const Value& value, uint64_t min, uint64_t max);
const std::string& string_of(const Value& value);

}  // namespace colo
