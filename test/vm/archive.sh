# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Debian's archive through apt, with a configuration of its own: no package is installed and this machine's own apt is
# not touched. To be sourced; archive_open points apt at it by APT_CONFIG.

archive_say() { printf 'archive: %s\n' "$*" >&2; }

# archive_open DIRECTORY SUITE...: suites such as trixie or bookworm-security, from where this machine's own packages
# come. apt's lists are kept in DIRECTORY.
archive_open() {
  local apt=$1 keyring=/usr/share/keyrings/debian-archive-keyring.gpg targets archive security suite from
  shift
  if [ ! -e $keyring ] || ! command -v apt-get >/dev/null; then
    archive_say "there is no apt with Debian's keyring ($keyring) here"
    return 1
  fi
  mkdir -p "$apt"/{parts,lists/partial,cache/archives/partial}
  # Debian's mirrors all have the same layout below what apt knows.
  targets=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' | sort -u)
  archive=$(awk '$2 !~ /security/ && $1 ~ /\/debian\/?$/ { print $1; exit }' <<<"$targets")
  security=$(awk '$2 ~ /-security$/ { print $1; exit }' <<<"$targets")
  if [ -z "$archive" ]; then
    archive_say "apt knows no Debian archive here (apt-get indextargets)"
    return 1
  fi
  archive=${archive%/}
  security=${security:-${archive%/debian}/debian-security}
  for suite in "$@"; do
    case $suite in *-security) from=${security%/} ;; *) from=$archive ;; esac
    echo "deb [arch=amd64 signed-by=$keyring] $from $suite main"
  done >"$apt/sources.list"
  : >"$apt/status"
  # A mirror that lags behind is good enough for tests; signatures are checked all the same.
  cat >"$apt/apt.conf" <<END
Dir::Etc::sourcelist "$apt/sources.list";
Dir::Etc::sourceparts "$apt/parts";
Dir::State::lists "$apt/lists";
Dir::State::status "$apt/status";
Dir::Cache "$apt/cache";
Acquire::Languages "none";
Acquire::Check-Valid-Until "false";
Acquire::Retries "3";
APT::Sandbox::User "root";
END
  export APT_CONFIG=$apt/apt.conf
  archive_say "reading the package lists of $* at $archive"
  # Without this option a list that can't be had is a warning, and the exit code 0.
  if ! apt-get update -qq -o APT::Update::Error-Mode=any >/dev/null; then
    archive_say "cannot reach Debian's archive at $archive"
    return 1
  fi
}
