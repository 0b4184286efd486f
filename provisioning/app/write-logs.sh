#!/bin/sh
# Stands for your applications: appends JSON lines to three log files in the directory $1, at rates that rise and fall, and a line for each call and page to
# calls.ndjson. Files are rotated at 1 MiB each.
set -eu
cd "$1"
umask 022
rm -f ./*.log ./*.log.1 ./calls.ndjson ./calls.ndjson.1
limit=1048576
padding="a longer line here and there makes the sizes of the events differ as well"

write() { # name lines
  n=0
  while [ "$n" -lt "$2" ]; do
    n=$((n + 1))
    request=$((request + 1))
    level=info
    [ $((request % 47)) -ne 0 ] || level=error
    line="{\"log.level\":\"$level\",\"service.name\":\"$1\",\"message\":\"request $request answered\"}"
    [ $((request % 5)) -ne 0 ] || line="{\"log.level\":\"$level\",\"service.name\":\"$1\",\"message\":\"request $request answered, $padding\"}"
    printf '%s\n' "$line" >>"$1.log"
    size=$((size + ${#line} + 1))
  done
}

call() { # module task kind time exception
  line="{\"system\":\"shop\",\"module\":\"$1\",\"task\":\"$2\",\"kind\":\"$3\",\"time_consumed\":$4,\"exception\":\"$5\",\"visitor\":\"v-$((step * 7 % 311))\"}"
  printf '%s\n' "$line" >>calls.ndjson
  calls=$((calls + ${#line} + 1))
}

step=0 calls=0 request=0 orders=0 payments=0 search=0
while :; do
  step=$((step + 1))
  wave=$((step % 240))
  [ "$wave" -le 120 ] || wave=$((240 - wave))
  for name in orders payments search; do
    case $name in
    orders) size=$orders lines=$((1 + wave / 24)) ;;
    payments) size=$payments lines=$((step % 3 / 2 + wave / 100)) ;;
    search) size=$search lines=$((8 - wave / 20)) ;;
    esac
    write "$name" "$lines"
    if [ "$size" -gt "$limit" ]; then
      mv "$name.log" "$name.log.1"
      size=0
    fi
    case $name in
    orders) orders=$size ;;
    payments) payments=$size ;;
    search) search=$size ;;
    esac
  done
  failed=
  [ $((step % 53)) -ne 0 ] || failed=java.net.SocketTimeoutException
  call orders "POST /orders" service $((80 + step % 97 + ${#failed} * 100)) "$failed"
  call orders pay.example/charge third_party $((40 + step % 61 + ${#failed} * 100)) "$failed"
  call search "GET /search" service $((10 + wave)) ""
  call search /search.html page_view $((200 + step % 83)) ""
  if [ "$calls" -gt "$limit" ]; then
    mv calls.ndjson calls.ndjson.1
    calls=0
  fi
  sleep 0.5
done
