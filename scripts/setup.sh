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

# Makes .venv: a virtual environment with the packages of the first lock file, which are those of the others too, and more.
# It is made again where the packages, pyproject.toml, the place or $PYTHON changed.
#
# Scripts in a virtual environment hold its path, so it cannot be moved. It gets its lasting name in .venvs at once, and
# .venv is a link that is put in place last of all: whenever this is interrupted, what was there before still works.
virtual_environment() {
    local python=${PYTHON:-} place lock
    [ -n "$python" ] || python=$(.venv/bin/python -c 'import sys; print(sys.executable)' 2>/dev/null) || python=python3
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
        { say "Gatepost needs Python 3.11 or later (set PYTHON to choose one)"; exit 1; }
    if [ "$(cat ".venv/locked-${1//\//-}" 2>/dev/null)" = "$(stamp_of "$python" "$1")" ] &&
        .venv/bin/python -c '' 2>/dev/null; then
        return 0
    fi
    "$python" -c 'import ensurepip, venv' 2>/dev/null || debian_packages python3-venv ||
        { say "Python's venv module is missing: install the package python3-venv"; exit 1; }

    place=.venvs/$(stamp_of "$python" "$1")-$$
    # shellcheck disable=SC2064  # the place of now
    trap "rm -rf '$place'" EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    say "Making a virtual environment with $("$python" -V) in $place"
    "$python" -m venv "$place"
    install_locked "$place" "$1"
    say "Installing Gatepost itself"
    "$place/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --no-deps --no-build-isolation -e .
    for lock; do stamp_of "$python" "$lock" > "$place/locked-${lock//\//-}"; done
    put_in_place "$python" "$place"
    trap - EXIT INT TERM
}

# What a virtual environment is made of; the arguments are a Python and a lock file.
stamp_of() {
    "$1" - "$2" <<'END'
import hashlib, os, sys
parts = [sys.version, sys.base_prefix, os.getcwd(), *(open(each).read() for each in (sys.argv[1], "pyproject.toml"))]
print(hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16])
END
}

# Installs a lock file's packages; on a terminal, says which of them is at hand.
install_locked() {
    say "Installing the $(grep -c '^[A-Za-z0-9]' "$2") packages of $2: about half a minute where none was downloaded before"
    "$1/bin/python" -m pip install --disable-pip-version-check --no-input --progress-bar off --require-hashes -r "$2" |
        while IFS= read -r line; do
            case $line in
                Collecting* | Processing* | *"Preparing metadata"* | Building* | Installing*) ;;
                *) continue ;;
            esac
            if [ -t 2 ]; then printf '\r\033[K  %.76s' "${line%% (from*}" >&2; fi
        done
    if [ -t 2 ]; then printf '\r\033[K' >&2; fi
}

# Makes .venv a link to the place; removes earlier ones, and what interrupted runs left.
put_in_place() {
    local other
    ln -s "$2" ".venvs/link-$$"
    if [ -d .venv ] && [ ! -L .venv ]; then mv .venv ".venvs/replaced-$$"; fi
    "$1" -c 'import os, sys; os.replace(sys.argv[1], ".venv")' ".venvs/link-$$"
    for other in .venvs/*; do
        # Its name ends in the process that made it, which may still be at work.
        if [ "$other" != "$2" ] && { [ "${other##*-}" = $$ ] || ! kill -0 "${other##*-}" 2>/dev/null; }; then
            rm -rf "$other"
        fi
    done
}
