// SPDX-License-Identifier: GPL-2.0-or-later
#include "monitor/readable.h"

#include <algorithm>
#include <vector>

#include "monitor/json_value.h"

namespace colo {

namespace {

/// Control characters and bytes that are no UTF-8 stay escaped: they may be a peer's.
std::string scalar(const Json& value) {
    if (value.is_null()) return "-";
    const std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
    return value.is_string() ? text.substr(1, text.size() - 2) : text;
}

bool is_flat(const Json& value) {
    return std::none_of(value.begin(), value.end(),
                        [](const Json& v) { return v.is_structured(); });
}

bool is_table(const Json& list) {
    return list.is_array() && !list.empty() &&
           std::all_of(list.begin(), list.end(), [](const Json& row) {
               return row.is_object() && !row.empty() && is_flat(row);
           });
}

class Table {
  public:
    explicit Table(const Json& rows) : rows_(rows) {
        for (const Json& row : rows) {
            for (const auto& [name, value] : row.items()) widen(name, scalar(value).size());
        }
    }

    std::string text() const {
        std::string text = line([](const std::string& column) { return column; });
        for (const Json& row : rows_) {
            text += line([&row](const std::string& column) {
                const auto cell = row.find(column);
                return cell == row.end() ? "-" : scalar(*cell);
            });
        }
        return text;
    }

  private:
    struct Column {
        std::string name;
        size_t width;
    };

    void widen(const std::string& name, size_t width) {
        const auto same = [&](const Column& column) { return column.name == name; };
        const auto found = std::find_if(columns_.begin(), columns_.end(), same);
        if (found == columns_.end()) {
            columns_.push_back({name, std::max(width, name.size())});
        } else {
            found->width = std::max(found->width, width);
        }
    }

    template <typename Cell>
    std::string line(Cell cell) const {
        std::string text;
        for (const Column& column : columns_) {
            std::string value = cell(column.name);
            if (value.size() < column.width) value.resize(column.width, ' ');
            text += value + "  ";
        }
        text.erase(text.find_last_not_of(' ') + 1);
        return text + "\n";
    }

    const Json& rows_;
    std::vector<Column> columns_;
};

std::string lines(const Json& value, const std::string& indent);

std::string indented(const std::string& text, const std::string& indent) {
    std::string result;
    for (size_t begin = 0; begin < text.size();) {
        const size_t end = text.find('\n', begin) + 1;
        result += indent + text.substr(begin, end - begin);
        begin = end;
    }
    return result;
}

std::string member_lines(const std::string& name, const Json& value, const std::string& indent) {
    const std::string label = indent + scalar(name) + ":";
    if (!value.is_structured() || value.empty()) return label + " " + readable_inline(value) + "\n";
    if (value.is_object() && is_flat(value)) return label + " " + readable_inline(value) + "\n";
    return label + "\n" + lines(value, indent + "  ");
}

std::string lines(const Json& value, const std::string& indent) {
    if (!value.is_structured()) return indent + scalar(value) + "\n";
    if (is_table(value)) return indented(Table(value).text(), indent);
    std::string text;
    for (const auto& [name, member] : value.items()) {
        text += value.is_array() ? lines(member, indent) : member_lines(name, member, indent);
    }
    return text;
}

}  // namespace

std::string readable(const Json& value) {
    return lines(value, "");
}

std::string readable_inline(const Json& value) {
    if (!value.is_structured()) return scalar(value);
    if (value.empty()) return "-";
    std::string text;
    for (const auto& [name, member] : value.items()) {
        if (!text.empty()) text += " ";
        if (value.is_object()) text += scalar(name) + "=";
        text += member.is_structured() ? to_line(member) : scalar(member);
    }
    return text;
}

}  // namespace colo
