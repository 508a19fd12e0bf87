//go:build unix

package cli

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

const tlsCapture = "../../testdata/captures/zeek-tls12-decryption.pcap"

// interruptedSummary is the last line of what was printed.
func interruptedSummary(t *testing.T, out []byte) (s struct {
	Type        string
	Packets     int
	Connections int
	Damaged     *string
	Interrupted bool
}) {
	t.Helper()
	var last string
	for line := range strings.Lines(string(out)) {
		if last = line; !json.Valid([]byte(line)) {
			t.Fatalf("a line is not JSON: %s", line)
		}
	}
	if err := json.Unmarshal([]byte(last), &s); err != nil || s.Type != "summary" || !s.Interrupted || s.Damaged != nil {
		t.Fatalf("the last line is %s (%v), want a summary that was interrupted and not damaged", last, err)
	}
	return s
}

// An interruption ends the reading of a pipe that gives nothing any more; what
// it gave by then is printed.
func TestInterruptedPipe(t *testing.T) {
	data, err := os.ReadFile(tlsCapture)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("fanlight", "trace", "-", "--jsonl")
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	const header = 24                                             // of the file
	all := slices.Concat(data, bytes.Repeat(data[header:], 2000)) // more than is read at once
	if _, err := in.Write(all); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := ended(cmd); err != nil {
		t.Fatalf("it ended with %v:\n%s", err, &said)
	}
	if s := interruptedSummary(t, out.Bytes()); s.Packets == 0 || s.Connections == 0 {
		t.Errorf("the summary is %+v", s)
	}
	if !strings.Contains(said.String(), "interrupted") {
		t.Errorf("it said %q", &said)
	}
}

// So it does before there is a capture; then there is no copy of it.
func TestInterruptedBeforeTheCaptureBegins(t *testing.T) {
	copied := filepath.Join(t.TempDir(), "copy.pcapng")
	for name, args := range map[string][]string{
		"capture": {"trace", "FIFO", "--jsonl"},
		"key log": {"trace", tlsCapture, "--keys", "FIFO", "--jsonl", "-w", copied},
	} {
		t.Run(name, func(t *testing.T) {
			fifo := filepath.Join(t.TempDir(), "fifo")
			if err := syscall.Mkfifo(fifo, 0o600); err != nil {
				t.Fatal(err)
			}
			args[slices.Index(args, "FIFO")] = fifo
			cmd := exec.Command("fanlight", args...)
			var out bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, os.Stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			silent, err := os.OpenFile(fifo, os.O_WRONLY, 0) // once it is read
			if err != nil {
				t.Fatal(err)
			}
			defer silent.Close()
			if err := cmd.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
			if err := ended(cmd); err != nil {
				t.Fatal(err)
			}
			interruptedSummary(t, out.Bytes())
		})
	}
	if _, err := os.Stat(copied); err == nil {
		t.Error("an empty copy is left behind")
	}
}

// A second one ends the program at once, whatever it waits for.
func TestInterruptedTwice(t *testing.T) {
	path := filepath.Join(t.TempDir(), "many.pcap")
	if err := os.WriteFile(path, manySYNs(5000), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("fanlight", "trace", "--jsonl", path) // more than the pipe holds that nobody reads
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(out).ReadByte(); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	go func() { // the first may not have been taken when the second comes
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			_ = cmd.Process.Signal(os.Interrupt)
			select {
			case <-tick.C:
			case <-stop:
				return
			}
		}
	}()
	err = ended(cmd)
	close(stop)
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGINT {
		t.Errorf("it ended with %v", err)
	}
}

// A pipe that has a name is opened once: its writer would lose a first reader.
func TestPipeWithAName(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("fanlight", "trace", fifo, "--jsonl")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(fifo, manySYNs(5000), 0o600); err != nil {
		t.Error(err)
	}
	if err := ended(cmd); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), `"type":"summary","connections":5000,`) {
		t.Errorf("it printed %d bytes", out.Len())
	}
}

// ended waits for a program, and kills one that hangs.
func ended(cmd *exec.Cmd) error {
	hung := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer hung.Stop()
	return cmd.Wait()
}

// manySYNs is a capture of so many connections, of one packet each.
func manySYNs(n int) []byte {
	const rawIP = 101
	le, be := binary.LittleEndian, binary.BigEndian
	out := le.AppendUint32(nil, 0xa1b2c3d4)
	out = append(out, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	out = le.AppendUint32(le.AppendUint32(out, 65535), rawIP)
	for i := range n {
		p := make([]byte, 40)
		p[0], p[3], p[8], p[9] = 0x45, 40, 64, 6
		copy(p[12:], []byte{10, 0, byte(i >> 12), 1, 10, 0, 0, 2})
		be.PutUint16(p[20:], uint16(10_000+i%4096))
		be.PutUint16(p[22:], 443)
		p[32], p[33] = 5<<4, 0x02
		for _, v := range []uint32{uint32(1_700_000_000 + i/1000), 0, 40, 40} {
			out = le.AppendUint32(out, v)
		}
		out = append(out, p...)
	}
	return out
}
