# What the demo starts in the background: one file RUN/NAME.pid for each, with
# the process and the time it began, so that nobody else's process is ended.

# begin NAME PROGRAM ARG...: starts it in the folder of the run; what it prints
# is in NAME.log.
begin() {
	local name=$1
	shift
	(cd "$run" && exec setsid "$@" </dev/null >"$name.log" 2>&1) &
	echo "$! $(began $!)" >"$run/$name.pid"
	disown
}

# began PID: when it was started, in ticks since the boot; nothing if it is
# gone or a zombie.
began() {
	local stat
	stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
	# shellcheck disable=SC2086 # fields
	set -- ${stat##*) }
	[ "$1" = Z ] || echo "${20}"
}

pid_of() { cut -d' ' -f1 "$run/$1.pid" 2>/dev/null; }

alive() {
	local pid start
	read -r pid start 2>/dev/null <"$run/$1.pid" && [ -n "$start" ] && [ "$(began "$pid")" = "$start" ]
}

# end NAME: returns when it is gone.
end() {
	local name=$1 i
	if alive "$name"; then
		kill "$(pid_of "$name")" 2>/dev/null || true
		for ((i = 0; i < 100; i++)); do
			alive "$name" || break
			sleep 0.1
		done
		if alive "$name"; then
			echo "$name did not end by itself" >&2
			kill -9 "$(pid_of "$name")" 2>/dev/null || true
		fi
	fi
	rm -f "$run/$name.pid"
}

# await NAME ADDR:PORT...: waits until NAME serves there, or says why it does
# not.
await() {
	local name=$1 place i
	shift
	for place in "$@"; do
		for ((i = 0; ; i++)); do
			if alive "$name" && listens "$place"; then break; fi
			if ! alive "$name" || [ $i -ge 150 ]; then
				echo "$name does not serve on $place:" >&2
				tail -n 20 "$run/$name.log" "$run/$name.err" 2>/dev/null >&2
				return 1
			fi
			sleep 0.1
		done
	done
}

# listens ADDR:PORT: somebody accepts connections there.
listens() { (exec 3<>"/dev/tcp/${1%:*}/${1##*:}") 2>/dev/null; }
