package oracle

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fanlight/internal/dissect"
	"fanlight/internal/pcap"
)

// corpusDir is where the labelled captures are written; empty: they are not
// made. `make corpus` sets it.
var corpusDir = flag.String("corpus", "", "make the labelled captures anew in this folder (alone in a network namespace, as root)")

// corpusLimit is the size of a capture that is worth its place in the repository.
const corpusLimit = 200 << 10

// corpusCase is a capture of the corpus: what is done, and what is known of it.
type corpusCase struct {
	name string // below the folder, without extension: sick/ID-VARIANT, healthy/NAME
	want string // the label, its first line a comment; empty: healthy
	make func(b *bench)
}

func corpusCases() (all []corpusCase) {
	for _, part := range [][]corpusCase{
		healthyCases(),
		orderlyCases(),
		tcpFaults(),
		tlsFaults(),
		certificateFaults(),
		renegotiationFaults(),
		httpFaults(),
		gatewayFaults(),
		misconfigurations(),
		lookupFaults(),
		captureFaults(),
		chainFaults(),
		useFaults(),
		signInFaults(),
		signInHealth(),
		gateCorpus(),
		http2Faults(),
		pathFaults(),
		pathOrderly(),
		nameFaults(),
		sessionFaults(),
		clientCertificateFaults(),
		lateFaults(),
		oldAndPlainFaults(),
		middleboxFaults(),
		http2Waits(),
		socketFaults(),
		quicFaults(),
		revocationFaults(),
		stapleFaults(),
		originTLSFaults(),
	} {
		all = append(all, part...)
	}
	return all
}

// TestMakeCorpus makes the captures, one after another: some change the network.
func TestMakeCorpus(t *testing.T) {
	if *corpusDir == "" {
		return // it makes what other tests use, and tests nothing
	}
	for _, c := range corpusCases() {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			c.make(b)
			b.keep(filepath.Join(*corpusDir, c.name), c.want)
		})
	}
}

// keep writes the capture with its secrets, and beside it the label and the hosts
// file of the client.
func (b *bench) keep(path, want string) {
	b.t.Helper()
	must(b.t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(b.t, os.RemoveAll(path+".want"))
	log, err := os.ReadFile(b.keys)
	if err != nil && !os.IsNotExist(err) {
		b.t.Fatal(err)
	}
	src, err := pcap.Open([]string{b.file}, nil)
	must(b.t, err)
	defer src.Close()
	out, err := os.Create(path + ".pcapng")
	must(b.t, err)
	defer out.Close()
	c := dissect.Copy{}
	if len(log) > 0 {
		c.Secrets = [][]byte{log}
	}
	w := pcap.NewWriter(out, pcap.WriterOptions{Application: "Fanlight"})
	n, err := c.To(w, src)
	must(b.t, err)
	must(b.t, w.Flush())
	if n == 0 {
		b.t.Fatal("the capture is empty")
	}
	if info, err := out.Stat(); err == nil && info.Size() > corpusLimit {
		must(b.t, os.Remove(out.Name()))
		b.t.Skipf("left out: %d bytes", info.Size())
	}
	if want != "" {
		must(b.t, os.WriteFile(path+".want", []byte(want), 0o644))
	}
	if b.hosts != "" {
		must(b.t, os.WriteFile(path+".hosts", []byte(b.hosts), 0o644))
	}
}

// second is a place for a further server at the same address, one port on, whose
// packets are captured as well.
func (b *bench) second() *bench {
	b.t.Helper()
	s := *b
	s.dir = b.dir + "/second"
	must(b.t, os.MkdirAll(s.dir, 0o755))
	s.addr, s.tcpdump = netipAddrPort(b), nil
	b.also = append(b.also, s.addr)
	return &s
}

// captureFor captures what happens, and does not wait for connections to end.
func (b *bench) captureFor(happen func()) {
	b.t.Helper()
	b.start()
	happen()
	time.Sleep(50 * time.Millisecond) // what is on its way
	if b.wire != nil {
		time.Sleep(b.wire.longest())
	}
	b.end()
}

// shell runs a command that must succeed.
func (b *bench) shell(line string) {
	b.t.Helper()
	out, err := exec.Command("sh", "-c", line).CombinedOutput()
	if err != nil {
		b.t.Fatalf("%s: %v\n%s", line, err, out)
	}
}

// label is a label whose comment says what was done.
func label(comment string, lines ...string) string {
	return "# " + comment + "\n" + strings.Join(lines, "\n") + "\n"
}

// healthyCases are the conversations of the oracle that went well.
func healthyCases() (all []corpusCase) {
	for _, c := range cases() {
		group, name, _ := strings.Cut(c.name, "/")
		switch {
		case !strings.Contains(" nginx http2 apache go plain spoken session many chromium gnutls ", " "+group+" "):
		case strings.Contains(name, "refused"), strings.Contains(name, "1.0"), strings.Contains(name, "1.1 "), strings.Contains(name, "3DES"), strings.Contains(name, "RC4"):
		case group == "spoken" && name != "WebSocket":
		case name == "connections at once": // they ask to be closed: connection-closed-each-request, unless they overlap
		default:
			all = append(all, corpusCase{name: "healthy/" + fileName(c.name), make: func(b *bench) { c.make(b) }})
		}
	}
	return all
}

// fileName turns words into a name without blanks.
func fileName(s string) string {
	return strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '.':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, s), "-")
}
