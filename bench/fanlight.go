package main

import (
	"bytes"
	"fmt"
	"os/exec"
	"path/filepath"
)

// buildFanlight builds the working tree's own door.
func buildFanlight(b *bench) (program, version string, err error) {
	program = filepath.Join(b.dir, "fanlight.bin")
	build := exec.CommandContext(b.ctx, "go", "build", "-o", program, "fanlight/cmd/fanlight")
	if out, err := build.CombinedOutput(); err != nil {
		return "", "", fmt.Errorf("build fanlight: %w: %.300s", err, bytes.TrimSpace(out))
	}
	return program, "working tree at " + firstLine(exec.Command("git", "describe", "--always", "--dirty").Output()), nil
}

// fanlightWith gives a start of Fanlight with a value for `recording:`.
func fanlightWith(recording string) func(*bench, string, route) (*process, error) {
	return fanlightSite(recording, "")
}

// fanlightSite has further lines for the site.
func fanlightSite(recording, more string) func(*bench, string, route) (*process, error) {
	return func(b *bench, program string, r route) (*process, error) {
		tls := ""
		if r.scheme == "https" {
			tls = fmt.Sprintf("\n        tls: {ca: %s, name: %s}", r.cert.file, benchName)
		}
		conf, err := b.write(r.name+".yaml", `console: off
access_log: off
data: %[1]s
recording: %[2]s
sites:
  bench:
    bind: ["%[3]s"]
    certificate: {file: %[4]s, key: %[5]s}
    routes:
      - path: /
        to: %[6]s://%[7]s%[8]s
        pool: {idle: %[9]d}
%[10]s
`, filepath.Join(b.dir, r.name+"-data"), recording, r.listen, r.cert.file, r.cert.key, r.scheme, r.origin, tls, r.keeps(), more)
		if err != nil {
			return nil, err
		}
		return b.start(r.name, serverCPU, oneThread, program, "run", "-c", conf)
	}
}
