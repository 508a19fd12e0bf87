package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestMain lets the test program be the child that records.
func TestMain(m *testing.M) {
	if slices.Contains(os.Args[1:], "-record") {
		if err := recordTraffic(context.Background(), os.Stdin, os.Stdout); err != nil {
			os.Stderr.WriteString(err.Error())
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func TestPlan(t *testing.T) {
	r := recording{Bytes: 20_000_000, Largest: 1 << 20, Connections: 40}
	plans := r.plan()
	sum, largest := 0, 0
	for i, sizes := range plans {
		if len(sizes) == 0 {
			t.Errorf("connection %d asks for nothing", i)
		}
		for _, size := range sizes {
			sum, largest = sum+size, max(largest, size)
		}
	}
	if len(plans) != 40 || sum < r.Bytes || sum > r.Bytes+r.Largest || largest != r.Largest {
		t.Errorf("%d connections, %d bytes, largest %d", len(plans), sum, largest)
	}
	if again := r.plan(); !slices.EqualFunc(plans, again, slices.Equal) {
		t.Error("it is another one the second time")
	}
}

// TestRecord makes a small capture, and repeats it.
func TestRecord(t *testing.T) {
	for _, program := range []string{"unshare", "ip", "tcpdump", "nginx", "taskset"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("find %s: %v", program, err)
		}
	}
	if out, err := exec.Command("unshare", "--net", "true").CombinedOutput(); err != nil {
		t.Skipf("make a network namespace: %v: %s", err, out)
	}
	b := &bench{ctx: t.Context(), dir: t.TempDir()}
	made, err := b.record(recording{Name: "small", Bytes: 200_000, Largest: 64 << 10, Connections: 6, Parallel: 3})
	if err != nil {
		t.Fatal(err)
	}
	f, err := survey(made.Capture)
	if err != nil || f.largest > captureMTU+frameHead || f.packets < 150 || f.size < 200_000 {
		t.Errorf("%+v %v", f, err)
	}
	keys, err := os.ReadFile(made.Keys)
	if err != nil || bytes.Count(keys, []byte("CLIENT_RANDOM ")) != 3 || bytes.Count(keys, []byte("SERVER_TRAFFIC_SECRET_0 ")) != 3 {
		t.Errorf("keys of both versions: %v\n%s", err, keys)
	}
	file, packets, err := b.repeated("long.pcap", made, 20)
	if err != nil {
		t.Fatal(err)
	}
	if long, err := survey(file); err != nil || packets != 4*f.packets || long.packets != packets || long.span != 4*f.span+3 {
		t.Errorf("repeated: %d packets, %+v %v, of %+v", packets, long, err, f)
	}
}

// frame is a record of a capture: TCP over IPv4 without options.
func frame(at uint32, from, to uint16, flags byte) []byte {
	p := make([]byte, flagsAt+7)
	host.PutUint32(p, 7)
	host.PutUint32(p[4:], at)
	host.PutUint32(p[8:], uint32(len(p)-pcapRecord))
	copy(p[addressAt:], []byte{127, 0, 0, 1, 127, 0, 0, 1})
	binary.BigEndian.PutUint16(p[portAt:], from)
	binary.BigEndian.PutUint16(p[portAt+2:], to)
	p[flagsAt] = flags
	return p
}

func TestRepetition(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.pcap")
	head := make([]byte, pcapHead)
	host.PutUint32(head, pcapMagic)
	text := slices.Concat(head, frame(999_990, 5000, 443, 2), frame(999_995, 443, 5000, 0x12), frame(999_998, 5000, 443, 0x11))
	write := func(text []byte) {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(text)
	base := recorded{Capture: file, Port: 443, Span: 8}
	for open, perRound := range map[bool]int{false: 3, true: 2} {
		var out bytes.Buffer
		r := repetition{base: base, open: open}
		rounds, size, err := r.write(t.Context(), &out, func(rounds int, _ int64) bool { return rounds == 300 })
		if err != nil || rounds != 300 || size != int64(out.Len()) || out.Len() != pcapHead+300*perRound*len(frame(0, 0, 0, 0)) {
			t.Fatalf("open %v: %d rounds, %d bytes, %v", open, rounds, size, err)
		}
		last := out.Bytes()[pcapHead+299*perRound*len(frame(0, 0, 0, 0)):]
		answer := last[len(frame(0, 0, 0, 0)):]
		server, client := "\x7f\x00\x00\x01", "\x0a\x00\x01\x2b" // 299
		if at := packetTime(last); at != 7_999_990+299*9 {
			t.Errorf("time of the last round: %d", at)
		}
		if a := string(last[addressAt:portAt]); a != client+server {
			t.Errorf("to the server: %x", a)
		}
		if a := string(answer[addressAt:portAt]); a != server+client {
			t.Errorf("to the client: %x", a)
		}
	}
	for cut := range len(text) {
		write(text[:cut])
		whole := cut >= pcapHead && (cut-pcapHead)%len(frame(0, 0, 0, 0)) == 0
		if _, err := survey(file); (err == nil) != whole {
			t.Errorf("cut at %d: %v", cut, err)
		}
	}
}

func shell(script string) reader {
	return reader{name: "sh", program: "sh", args: []string{"-c", script}, record: regexp.MustCompile("^x")}
}

func TestReaderCheck(t *testing.T) {
	for script, good := range map[string]bool{
		"echo x; echo y; echo x":  true,
		"echo x":                  false,
		"echo x; echo x; exit 1":  false,
		"printf 'x\\nx\\nax\\nx'": false, // a third without an end of line
	} {
		if err := shell(script).check(t.Context(), 2); (err == nil) != good {
			t.Errorf("%s: %v", script, err)
		}
	}
}

func TestReaderReads(t *testing.T) {
	got, err := shell("true").read(t.Context(), nil)
	if err != nil || got.elapsed <= 0 || got.peak < 0.1 {
		t.Errorf("%+v %v", got, err)
	}
	if _, err := shell("echo why >&2; exit 3").read(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "why") {
		t.Errorf("a failure: %v", err)
	}
	give := func(to io.Writer) error {
		_, err := to.Write(make([]byte, 1<<20))
		return err
	}
	if _, err := shell("test $(wc -c) = 1048576").streamed(t.Context(), give); err != nil {
		t.Errorf("streamed: %v", err)
	}
	if _, err := shell("exit 0").streamed(t.Context(), give); err == nil {
		t.Error("a program that does not read: no error")
	}
	if _, err := shell("cat").streamed(t.Context(), func(io.Writer) error { return errors.New("torn") }); err == nil {
		t.Error("a stream that fails: no error")
	}
	if memory, err := shell("cat").idleMemory(t.Context(), give); err != nil || memory < 100<<10 {
		t.Errorf("idle: %d %v", memory, err)
	}
}

func TestTraceDoubt(t *testing.T) {
	for cpu, doubted := range map[float64]bool{3.8: false, 2: false, 1: true} {
		if why := traceDoubt([]float64{2, 500, cpu, 40}); (why != "") != doubted {
			t.Errorf("%v s of 2 s: %q", cpu, why)
		}
	}
}
