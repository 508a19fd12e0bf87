#!/bin/sh
# Runs every fuzz target for so long (10m by default), or those of the packages
# named: scripts/fuzz.sh 30s tlswire dissect. An input that breaks one is left in
# the package's testdata/fuzz, where it is a test from then on.
set -eu
cd "$(dirname "$0")/.."
time=${1:-10m}
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- $(grep -rl --include='*_test.go' '^func Fuzz' internal | xargs -n1 dirname | sed 's,^internal/,,' | sort -u)
failed=
for package; do
	for target in $(go test "./internal/$package" -list '^Fuzz' | grep '^Fuzz' || true); do
		echo "$package $target, $time"
		said=$(go test "./internal/$package" -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 10x 2>&1) || failed=1
		printf '%s\n' "$said" | grep -v '^fuzz: elapsed' || true
	done
done
[ -z "$failed" ]
