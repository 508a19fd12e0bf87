package app_test

import (
	"context"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"fanlight/internal/app"
	"fanlight/internal/dissect"
	"fanlight/internal/explain"
	"fanlight/internal/flow"
	"fanlight/internal/pcap"
	"fanlight/internal/testnet"
)

// capturing starts a door that writes packets, before an origin that asks late.
func capturing(t *testing.T, least explain.Severity, how string, log *buffer) (*door, *testnet.Origin) {
	t.Helper()
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		t.Skip("packets are captured on Linux, by root only")
	}
	o := testnet.LateAsker{At: testnet.At{Leaf: testnet.Leaf{Names: []string{"app.internal"}}}}.Start(t)
	options := app.Options{Version: "test", CaptureOn: &least, Log: slog.New(slog.NewTextHandler(log, nil))}
	d, err := openWith(t, options, t.TempDir(), freePort(t), lateConfig,
		"$ORIGIN", o.Addr, "$CA", caFile(t, o.CA), "$HOW", how, "$MAX", "1.3", "$CERT", "")
	must(t, err)
	return d, o
}

func (d *door) captures() []string {
	d.t.Helper()
	files, err := filepath.Glob(d.file("fanlight-data/captures/*.pcapng"))
	must(d.t, err)
	return files
}

// A finding is followed by a file with the packets of its connections, of both
// legs, which can be decrypted with what is in it, and with that alone.
func TestPacketsOfAFinding(t *testing.T) {
	log := &buffer{}
	d, _ := capturing(t, explain.Warning, "never", log)
	for _, path := range []string{"/well", "/secure/late"} {
		if out, code := d.curl("app.test", "127.0.0.2", d.url("app.test", path)); code != 0 {
			t.Fatalf("curl ended with %d:\n%s", code, out)
		}
	}
	until(t, "packets to be written", func() bool { return len(d.captures()) > 0 })
	path := d.captures()[0]
	if !strings.HasSuffix(path, "Z-renegotiation-refused.pcapng") {
		t.Errorf("the file is %s", path)
	}
	for name, mode := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s has mode %v, want %v (%v)", name, info.Mode().Perm(), mode, err)
		}
	}
	says(t, "log", log.String(), `msg="packets of a finding written"`, path)

	keys := &dissect.Keys{}
	must(t, dissect.SecretsOf(opened(t, path), path, dissect.AddTo(keys)))
	conns, targets := dissected(t, path, keys)
	if n := occurrences(targets, "/secure/late"); n != 2 {
		t.Errorf("decrypted requests are %q, want that to /secure/late on both legs", targets)
	}
	if len(conns) != 2 {
		t.Errorf("%d connections, want the two legs of the finding alone", len(conns))
	}
	if _, targets := dissected(t, path, nil); len(targets) != 0 {
		t.Errorf("without the secrets of the file these were decrypted: %q", targets)
	}
	if n := len(comments(t, path)); n != 2 {
		t.Errorf("%d packets have comments, want the first of each leg", n)
	}
	says(t, "comment", comments(t, path)[0], "renegotiation-refused: ", "asked for a second handshake")
}

// Wireshark reads the file as we do.
func TestPacketsOfAFindingInWireshark(t *testing.T) {
	tshark := program(t, "tshark")
	d, o := capturing(t, explain.Note, "never", &buffer{})
	if out, code := d.curl("app.test", "127.0.0.2", d.url("app.test", "/secure/late")); code != 0 {
		t.Fatalf("curl ended with %d:\n%s", code, out)
	}
	until(t, "packets to be written", func() bool { return len(d.captures()) > 0 })
	_, port, _ := strings.Cut(o.Addr, ":")
	cmd := exec.Command(tshark, "-n", "-r", d.captures()[0], "-2", "-d", "tcp.port=="+d.port+",tls", "-d", "tcp.port=="+port+",tls",
		"-Y", "http.request", "-T", "fields", "-e", "http.request.uri", "-e", "frame.comment")
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
	out, err := cmd.Output()
	must(t, err)
	if strings.Count(string(out), "/secure/late") != 2 {
		t.Errorf("tshark shows requests:\n%s", out)
	}
}

// What is slighter than asked for is not written.
func TestNoPacketsOfSlightFindings(t *testing.T) {
	log := &buffer{}
	d, _ := capturing(t, explain.Error, "once", log)
	d.curl("app.test", "127.0.0.2", d.url("app.test", "/secure/late"))
	found := d.findings("renegotiation-answered")
	d.quiet()
	d.shut() // which would write what waits
	if files := d.captures(); len(files) != 0 {
		t.Errorf("for %q these were written: %q\n%s", found, files, log)
	}
}

func opened(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.Open(path)
	must(t, err)
	t.Cleanup(func() { f.Close() })
	return f
}

// dissected gives the connections of a capture and the targets of the requests
// in them.
func dissected(t *testing.T, path string, keys *dissect.Keys) (conns []*flow.Conn, targets []string) {
	t.Helper()
	src, err := pcap.NewReader(opened(t, path), path)
	must(t, err)
	defer src.Close()
	_, err = dissect.New(dissect.Options{
		Source: path, Keys: keys,
		Exchange: func(_ *flow.Conn, x *flow.Exchange) { targets = append(targets, x.Target) },
		Conn:     func(c *flow.Conn) { conns = append(conns, c) },
	}).Run(context.Background(), src)
	must(t, err)
	return conns, targets
}

func comments(t *testing.T, path string) (out []string) {
	t.Helper()
	src, err := pcap.NewReader(opened(t, path), path)
	must(t, err)
	defer src.Close()
	var p pcap.Packet
	for src.Next(&p) == nil {
		if p.Comment != "" {
			out = append(out, p.Comment)
		}
	}
	return out
}

func occurrences(list []string, what string) int {
	return len(slices.DeleteFunc(slices.Clone(list), func(s string) bool { return s != what }))
}
