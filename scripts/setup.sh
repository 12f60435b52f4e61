# shellcheck shell=bash
# Sourced by scripts/demo and scripts/test: makes .venv with locked packages, and finds or installs Debian packages.
# Says what it does in one line each; nothing outside the repo changes but what apt installs.

say() { printf '\033[1m%s\033[0m\n' "$*" >&2; }

# May this script install Debian packages? Prints the words to put before apt-get, or fails.
apt_prefix() {
    command -v apt-get >/dev/null || return 1
    if [ "$(id -u)" = 0 ]; then echo env; elif sudo -n true 2>/dev/null; then echo "sudo -n env"; else return 1; fi
}

# Install the Debian packages among the arguments that are missing; return 1, with the missing ones in $missing,
# where that is not possible.
debian_packages() {
    missing=()
    local package prefix
    command -v dpkg-query >/dev/null || { missing=("$@"); return 1; }
    for package; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    prefix=$(apt_prefix) || return 1
    say "Installing ${missing[*]}"
    $prefix apt-get update -qq >/dev/null || return 1
    # Services that a package would start are not wanted here: the tests start their own.
    $prefix DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
        apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null || return 1
    missing=()
}

# A virtual environment in .venv with the locked packages of the given file; made anew when that file changes.
virtual_environment() {
    local lock=$1 python=${PYTHON:-python3} stamp
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
        { say "Gatepost needs Python 3.11 or later (set PYTHON to choose one)"; exit 1; }
    "$python" -c 'import ensurepip, venv' 2>/dev/null || debian_packages python3-venv ||
        { say "Python's venv module is missing: install the package python3-venv"; exit 1; }
    stamp=$(cat "$lock" pyproject.toml | sha256sum | cut -c1-16)
    if [ ! -x .venv/bin/python ] || [ "$(cat ".venv/locked-${lock//\//-}" 2>/dev/null)" != "$stamp" ]; then
        say "Making .venv from $lock"
        [ -x .venv/bin/python ] || "$python" -m venv .venv
        .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r "$lock"
        .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
        echo "$stamp" > ".venv/locked-${lock//\//-}"
    fi
}
