// SPDX-License-Identifier: GPL-2.0-or-later
#include "qemu/qmp_batch.h"

#include <memory>
#include <utility>

namespace colo {

namespace {

struct Batch {
    QmpResults results;
    size_t unanswered;
    std::function<void(const QmpResults& results)> answered;

    void take(size_t i, const Json* value, const QmpFailure* failure) {
        if (value) results[i].value = *value;
        if (failure) results[i].failure = *failure;
        if (--unanswered == 0) answered(results);
    }
};

}  // namespace

void execute_all(Qmp& qmp, const std::vector<QmpRequest>& requests, Time patience,
                 std::function<void(const QmpResults& results)> answered) {
    if (requests.empty()) return answered({});
    const auto batch = std::make_shared<Batch>(
        Batch{QmpResults(requests.size()), requests.size(), std::move(answered)});
    for (size_t i = 0; i < requests.size(); ++i) {
        qmp.execute(requests[i].command, requests[i].arguments, patience,
                    [batch, i](const Json* value, const QmpFailure* failure) {
                        batch->take(i, value, failure);
                    });
    }
}

const QmpFailure* first_failure(const QmpResults& results) {
    for (const QmpResult& result : results) {
        if (result.failure) return &*result.failure;
    }
    return nullptr;
}

}  // namespace colo
