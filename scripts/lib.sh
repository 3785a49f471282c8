# SPDX-License-Identifier: GPL-2.0-or-later
# What the scripts share: packages, quiet steps, builds. Sourced with bash; sets the working directory
# to the project's root.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Debian 12's names. Boost 1.74, the default, has no unordered_flat_map.
packages=(
    busybox-static clang-14 curl dnsmasq-base g++ git gnutls-bin iperf3 iproute2 iputils-ping
    libbenchmark-dev libboost1.81-dev libclang-rt-14-dev libglib2.0-dev libgmock-dev libgnutls28-dev
    libgtest-dev libpcap-dev librapidcheck-dev libreadline-dev libslirp-dev llvm-14 meson ninja-build
    nlohmann-json3-dev pkg-config python3 qemu-system-x86 qemu-utils
)

# step TITLE COMMAND...: one line a step; the output is shown only when it fails.
step() {
    local title=$1 log begin=$SECONDS
    shift
    log=$(mktemp)
    printf '  %-58s' "$title"
    if "$@" >"$log" 2>&1; then
        printf ' %4d s\n' $((SECONDS - begin))
        rm -f "$log"
    else
        local status=$?
        printf ' failed\n'
        tail -n 60 "$log"
        printf '(all of it: %s)\n' "$log"
        return $status
    fi
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

missing_packages() {
    local name
    for name in "${packages[@]}" "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || echo "$name"
    done
}

install() {
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
}

# Installs what is missing of the project's packages and of those named.
install_packages() {
    local missing
    mapfile -t missing < <(missing_packages "$@")
    [ ${#missing[@]} = 0 ] || step "installing ${#missing[@]} packages" install "${missing[@]}"
}

# configure DIRECTORY COMPILER OPTION...: made once, reconfigured when the options have changed.
configure() {
    local directory=$1 compiler=$2
    shift 2
    if [ -f "$directory/build.ninja" ]; then
        meson configure "$directory" "$@"
    else
        CXX=$compiler meson setup "$directory" "$@"
    fi
}

# build DIRECTORY COMPILER OPTION...
build() {
    step "configuring $1" configure "$@"
    step "building $1" ninja -C "$1"
}

# What is measured and shown is built like this.
release_options=(--buildtype=release -Db_lto=true)
