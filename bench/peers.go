package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// peers are the servers compared; the first is what ratios are taken to.
var peers = []peer{
	{name: "nginx", find: installed("nginx", "-v"), start: startNginx},
	{name: "haproxy", find: installed("haproxy", "-v"), start: startHAProxy},
	{name: "caddy", find: findCaddy, start: startCaddy},
	{name: "fanlight", own: true, find: buildFanlight, start: fanlightWith("{memory: 64MiB}")},
	{name: "fanlight, recording off", own: true, find: buildFanlight, start: fanlightWith("off")},
}

// peer is one server and how to get and start it.
type peer struct {
	name string
	own  bool
	// find gives the program's file and its version.
	find func(b *bench) (program, version string, err error)
	// start has it carry out a route on the server's core.
	start func(b *bench, program string, r route) (*process, error)
}

// All servers and origins seal with the same cipher, whatever each would
// prefer, so that ciphers are not what is compared.
const cipher = "TLS_AES_128_GCM_SHA256"

// oneThread holds a Go program to its one core.
var oneThread = []string{"GOMAXPROCS=1"}

// installed finds a program of the system.
func installed(name, versionFlag string) func(*bench) (string, string, error) {
	return func(*bench) (string, string, error) {
		path, err := exec.LookPath(name)
		if err != nil {
			return "", "", err
		}
		return path, firstLine(exec.Command(path, versionFlag).CombinedOutput()), nil
	}
}

// write puts a peer's configuration into the row's folder.
func (b *bench) write(name, format string, args ...any) (path string, err error) {
	path = filepath.Join(b.dir, name)
	return path, os.WriteFile(path, fmt.Appendf(nil, format, args...), 0o600)
}
