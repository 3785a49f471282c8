// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/certs_arguments.h"

#include <stdexcept>
#include <string_view>

#include "io/plain_value.h"
#include "monitor/json.h"

namespace colo {

namespace {

constexpr unsigned kMostDays = 36'500;

unsigned parse_days(const std::string& text) {
    if (const auto days = decimal(text, 1u, kMostDays)) return *days;
    throw std::invalid_argument("--days: '" + clipped(text) + "' is not from 1 to " + std::to_string(kMostDays));
}

/// What it is made for names its directory.
void check_added(const CertsArguments& arguments) {
    const std::string& name = arguments.added.front();
    if (!arguments.primary.empty() || !arguments.secondary.empty())
        throw std::invalid_argument("--add: goes without --primary and --secondary");
    if (name.find('/') != std::string::npos || name.starts_with("."))
        throw std::invalid_argument("--add: '" + clipped(name) + "' is no name of a host");
}

void set(CertsArguments& arguments, std::string_view name, const std::string& value) {
    if (value.empty()) throw std::invalid_argument(std::string(name) + ": requires an argument");
    if (name == "--primary") {
        arguments.primary.push_back(value);
    } else if (name == "--secondary") {
        arguments.secondary.push_back(value);
    } else if (name == "--add") {
        arguments.added.push_back(value);
    } else if (name == "--days") {
        arguments.days = parse_days(value);
    } else {
        throw std::invalid_argument("'" + std::string(name) + "': invalid option");
    }
}

}  // namespace

CertsArguments parse_certs_arguments(int argc, char** argv) {
    CertsArguments arguments;
    for (int i = 1; i < argc; ++i) {
        const std::string_view argument = argv[i];
        const size_t equals = argument.find('=');
        if (argument == "-h" || argument == "--help") {
            arguments.help = true;
            return arguments;
        }
        if (!argument.starts_with("-")) {
            if (!arguments.directory.empty()) throw std::invalid_argument("one DIR is needed");
            arguments.directory = argument;
        } else if (equals != std::string_view::npos) {
            set(arguments, argument.substr(0, equals), std::string(argument.substr(equals + 1)));
        } else {
            set(arguments, argument, ++i < argc ? argv[i] : "");
        }
    }
    if (arguments.directory.empty()) throw std::invalid_argument("DIR is missing");
    if (!arguments.added.empty()) {
        check_added(arguments);
        return arguments;
    }
    if (arguments.primary.empty()) throw std::invalid_argument("--primary is missing");
    if (arguments.secondary.empty()) throw std::invalid_argument("--secondary is missing");
    return arguments;
}

}  // namespace colo
