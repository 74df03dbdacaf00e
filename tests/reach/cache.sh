# Sourced by the scripts of this directory: what is fetched or built once is kept here, from one run of the tests to the next.
cache=${XDG_CACHE_HOME:-$HOME/.cache}/sslsession

# cached NAME FUNCTION: prints the directory NAME of the cache; where there is none yet, FUNCTION fills "$made", with "$work"
# for what need not be kept. Two runs at once wait for each other, and a run that fails leaves nothing behind.
cached() {
  local entry=$1 function=$2
  if [ ! -d "$cache/$entry" ]; then
    mkdir -p "$cache"
    exec 9>"$cache/.$entry.lock"
    flock 9
    if [ ! -d "$cache/$entry" ]; then
      work=$(mktemp -d "$cache/.$entry.XXXXXX")
      made=$work/made
      trap 'rm -rf "$work"' EXIT
      # Not in a condition: there `set -e` would not hold.
      ("$function") >"$cache/$entry.log" 2>&1 9>&- &
      if ! wait $!; then
        echo "$0: no $entry; the end of $cache/$entry.log:" >&2
        tail -n 20 "$cache/$entry.log" >&2
        exit 1
      fi
      mv -T "$made" "$cache/$entry"
      rm -rf "$work" "$cache/$entry.log"
    fi
    exec 9>&-
  fi
  echo "$cache/$entry"
}
