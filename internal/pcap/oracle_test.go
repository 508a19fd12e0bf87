package pcap_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"fanlight/internal/pcap"
)

const captures = "../../testdata/captures"

// program runs a program of Wireshark's, or skips the test.
func program(t testing.TB, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skip(name, "is not installed")
	}
	cmd := exec.Command(name, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, stderr.String())
	}
	return string(out)
}

// frames is what tshark says of each packet of a file: number, time, lengths
// and comment.
func frames(t testing.TB, path string) []string {
	t.Helper()
	out := program(t, "tshark", "-n", "-r", path, "-T", "fields",
		"-e", "frame.number", "-e", "frame.time_epoch", "-e", "frame.len", "-e", "frame.cap_len", "-e", "frame.comment")
	return strings.Split(strings.TrimSuffix(out, "\n"), "\n")
}

// framesOf says the same of packets of ours.
func framesOf(packets []pcap.Packet) (out []string) {
	for _, p := range packets {
		out = append(out, fmt.Sprintf("%d\t%d.%09d\t%d\t%d\t%s", p.Number, p.Time/second, p.Time%second, p.Length, len(p.Data), p.Comment))
	}
	return out
}

func TestCapturesAsTshark(t *testing.T) {
	secrets := map[string]int{"ja4-http2-with-cookies.pcapng": 179, "ja4-chrome-quic-with-secrets.pcapng": 10}
	all, err := filepath.Glob(filepath.Join(captures, "*.pcap*"))
	if err != nil || len(all) < 10 {
		t.Fatal(len(all), "captures", err)
	}
	for _, path := range all {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			file, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			r, err := pcap.NewReader(file, path)
			if err != nil {
				t.Fatal(err)
			}
			lines := 0
			r.OnSecrets(func(s pcap.Secrets) {
				for line := range strings.Lines(string(s.Data)) {
					if f := strings.Fields(line); len(f) == 3 && s.Kind == pcap.TLSKeyLog {
						lines++
					}
				}
			})
			got, err := readAll(t, r)
			if err != nil {
				t.Fatal(err)
			}
			if want := secrets[filepath.Base(path)]; lines != want {
				t.Errorf("%d secrets, want %d", lines, want)
			}
			if d := diff(frames(t, path), framesOf(got)); d != "" {
				t.Error(d)
			}
			info := strings.Split(program(t, "capinfos", "-TrcdB", path), "\t")
			if n, err := strconv.Atoi(info[1]); err != nil || n != len(got) {
				t.Errorf("capinfos counts %q, we %d", info, len(got))
			}
		})
	}
}

// TestMergeAsMergecap merges captures that overlap as mergecap does: the same
// packets at the same times in the same order.
func TestMergeAsMergecap(t *testing.T) {
	whole := filepath.Join(captures, "ja4-http2-with-cookies.pcapng")
	parts := deal(t, whole, 5)
	out := filepath.Join(t.TempDir(), "merged.pcapng")
	program(t, "mergecap", append([]string{"-w", out}, parts...)...)
	s, err := pcap.Open(parts, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	got, err := readAll(t, s)
	if err != nil || len(s.Damage()) > 0 {
		t.Fatal(err, s.Damage())
	}
	if d := diff(frames(t, out), framesOf(got)); d != "" {
		t.Error(d)
	}
	merged := openAll(t, out)
	for i := range got {
		if !bytes.Equal(got[i].Data, merged[i].Data) {
			t.Fatalf("packet %d differs", i+1)
		}
	}
}

// deal gives the packets of a capture to several files by turns.
func deal(t *testing.T, path string, n int) (paths []string) {
	t.Helper()
	dir := t.TempDir()
	writers, files := make([]*pcap.Writer, n), make([]*os.File, n)
	for i := range n {
		paths = append(paths, filepath.Join(dir, fmt.Sprint(i, ".pcapng")))
		var err error
		if files[i], err = os.Create(paths[i]); err != nil {
			t.Fatal(err)
		}
		defer files[i].Close()
		writers[i] = pcap.NewWriter(files[i], pcap.WriterOptions{})
		writers[i].AddInterface(pcap.Ethernet, 0, fmt.Sprint("eth", i))
	}
	for i, p := range openAll(t, path) {
		// Each packet at its own time: programs differ about the order of equals.
		if err := writers[i*7%n].WritePacket(0, p.Time+int64(i), p.Length, p.Data); err != nil {
			t.Fatal(err)
		}
	}
	for _, w := range writers {
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	return paths
}

func openAll(t testing.TB, paths ...string) []pcap.Packet {
	t.Helper()
	s, err := pcap.Open(paths, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	all, err := readAll(t, s)
	if err != nil || len(s.Damage()) > 0 {
		t.Fatal(err, s.Damage())
	}
	return all
}

// TestTsharkReadsOurs has tshark decrypt a connection with the secrets we put
// into the file, and find the comment.
func TestTsharkReadsOurs(t *testing.T) {
	keys, err := os.ReadFile(filepath.Join(captures, "zeek-tls12-decryption.keys"))
	if err != nil {
		t.Fatal(err)
	}
	packets := openAll(t, filepath.Join(captures, "zeek-tls12-decryption.pcap"))
	path := filepath.Join(t.TempDir(), "ours.pcapng")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	w := pcap.NewWriter(file, pcap.WriterOptions{Hardware: "box", OS: "Linux", Application: "fanlight"})
	i := w.AddInterface(packets[0].Link, 262144, "eth7")
	check := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	check(w.WriteSecrets(pcap.Secrets{Kind: pcap.TLSKeyLog, Data: keys}))
	for n, p := range packets {
		var comments []string
		if n == 2 {
			comments = []string{"origin closed first"}
		}
		check(w.WritePacket(i, p.Time, p.Length, p.Data, comments...))
	}
	check(w.WriteStatistics(i, packets[0].Time, 50, 3))
	check(w.Flush())

	packets[2].Comment = "origin closed first"
	if d := diff(frames(t, path), framesOf(packets)); d != "" {
		t.Error(d)
	}
	out := program(t, "tshark", "-n", "-r", path, "-Y", "http", "-T", "fields", "-e", "http.host", "-e", "http.response.code", "-e", "frame.interface_name")
	for _, want := range []string{"heise.de", "301", "eth7"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q lacks %q", out, want)
		}
	}
	info := program(t, "capinfos", "-M", path)
	for _, want := range []string{"fanlight", "Linux", "box", "decryption secrets in file: 1"} {
		if !strings.Contains(info, want) {
			t.Errorf("%s lacks %q", info, want)
		}
	}
}
