// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/bench/target_usage.h"

#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

namespace colo::bench {

namespace {

constexpr std::chrono::milliseconds kIdle(30);

uint64_t cpu_ns(pid_t process) {
    uint64_t sum = 0;
    for (const auto& task :
         std::filesystem::directory_iterator("/proc/" + std::to_string(process) + "/task")) {
        uint64_t ns = 0;
        std::ifstream(task.path() / "schedstat") >> ns;
        sum += ns;
    }
    return sum;
}

uint64_t counted_allocations(const std::string& file) {
    uint64_t count = 0;
    std::ifstream(file, std::ios::binary).read(reinterpret_cast<char*>(&count), sizeof count);
    return count;
}

}  // namespace

TargetUsage read_usage(pid_t process, const std::string& allocations_file) {
    std::this_thread::sleep_for(kIdle);
    TargetUsage usage;
    if (process > 0) usage.cpu_ns = cpu_ns(process);
    if (!allocations_file.empty()) usage.allocations = counted_allocations(allocations_file);
    return usage;
}

uint64_t resident_bytes(pid_t process) {
    uint64_t whole = 0;
    uint64_t resident = 0;
    std::ifstream("/proc/" + std::to_string(process) + "/statm") >> whole >> resident;
    return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace colo::bench
