# Sourced by the scripts of this directory: Debian's packages of any release and processor, unpacked without being installed.

# debs SUITE ARCHITECTURE DIRECTORY PACKAGE...: as the system's own apt would fetch them, with lists of its own in "$work".
debs() {
  local suite=$1 architecture=$2 directory=$3 apt=$work/apt-$1-$2
  shift 3
  mkdir -p "$directory" "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/parts"
  : >"$apt/status"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian $suite main" >"$apt/sources.list"
  local options=(-qq -o Dir::Etc::SourceList="$apt/sources.list" -o Dir::Etc::SourceParts="$apt/parts" -o Dir::State="$apt"
    -o Dir::State::Lists="$apt/lists" -o Dir::State::status="$apt/status" -o Dir::Cache="$apt/cache"
    -o APT::Architecture="$architecture" -o APT::Architectures="$architecture" -o APT::Sandbox::User=root)
  apt-get "${options[@]}" update
  (cd "$apt/cache" && apt-get "${options[@]}" download "$@" && for deb in *.deb; do dpkg -x "$deb" "$directory"; done)
}
