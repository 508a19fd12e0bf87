package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"
)

// recording is traffic to be made, and captured, in a network of its own: a
// client reads files from nginx over loopback, each connection a few.
type recording struct {
	Dir         string // of the row; capture.pcap and keys.log are put under Name there
	Name        string
	Plain       bool // HTTP on port 80; else HTTPS on 443, half of it TLS 1.2, half 1.3
	Bytes       int  // of all bodies
	Largest     int  // body; they are the powers of two from 1 KB
	Connections int  // each asks for one body at least
	Parallel    int  // connections open at a time
}

// recorded is what came of it.
type recorded struct {
	Capture, Keys string // files
	Port          int    // of the server
	Connections   int
	Exchanges     int
	Packets       int
	Size          int64 // of the file in bytes
	Span          int64 // microseconds from the first packet to the last
}

// captureMTU is that of the network the captures are made in.
const captureMTU = 1500

// record has a child make the traffic. The child's namespaces, and with them
// its processes and its network, end when it does, however it ends.
func (b *bench) record(r recording) (recorded, error) {
	for _, program := range []string{"unshare", "ip", "tcpdump", "nginx"} {
		if _, err := exec.LookPath(program); err != nil {
			return recorded{}, err
		}
	}
	self, err := os.Executable()
	if err != nil {
		return recorded{}, err
	}
	r.Dir = b.dir
	task, err := json.Marshal(r)
	if err != nil {
		return recorded{}, err
	}
	cmd := exec.CommandContext(b.ctx, "unshare", "--net", "--pid", "--fork", "--kill-child", self, "-record")
	cmd.Stdin = bytes.NewReader(task)
	answer, err := cmd.Output()
	if b.ctx.Err() != nil {
		return recorded{}, b.ctx.Err()
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return recorded{}, fmt.Errorf("record %s: %.300s", r.Name, bytes.TrimSpace(exit.Stderr))
	}
	var made recorded
	if err == nil {
		err = json.Unmarshal(answer, &made)
	}
	if err != nil {
		return recorded{}, fmt.Errorf("record %s: %w", r.Name, err)
	}
	return made, nil
}

// recordTraffic is the child: it reads a recording and writes a recorded, as
// JSON.
func recordTraffic(ctx context.Context, in io.Reader, out io.Writer) error {
	var r recording
	if err := json.NewDecoder(in).Decode(&r); err != nil {
		return err
	}
	// Without offload, packets are as large as the MTU lets them be.
	lo := exec.CommandContext(ctx, "ip", "link", "set", "dev", "lo", "up", "mtu", fmt.Sprint(captureMTU), "gso_max_segs", "1")
	if text, err := lo.CombinedOutput(); err != nil {
		return fmt.Errorf("set up loopback: %w: %.200s", err, text)
	}
	b := &bench{ctx: ctx, dir: filepath.Join(r.Dir, r.Name)}
	defer b.close()
	if err := os.Mkdir(b.dir, 0o755); err != nil {
		return err
	}
	client, err := r.serve(b)
	if err != nil {
		return fmt.Errorf("start nginx: %w", err)
	}
	made := recorded{Capture: filepath.Join(b.dir, "capture.pcap"), Keys: filepath.Join(b.dir, "keys.log"),
		Port: 443, Connections: r.Connections}
	if r.Plain {
		made.Port = 80
	}
	dump, err := startDump(b, made.Capture)
	if err != nil {
		return fmt.Errorf("start tcpdump: %w", err)
	}
	if made.Exchanges, err = r.load(ctx, client, made.Keys); err != nil {
		return fmt.Errorf("make traffic: %w", err)
	}
	if err := dump.finish(made.Capture); err != nil {
		return err
	}
	f, err := survey(made.Capture)
	if err != nil {
		return err
	}
	if f.largest > captureMTU+frameHead {
		return fmt.Errorf("keep to the MTU: a frame has %d bytes, so offload is on", f.largest)
	}
	made.Packets, made.Size, made.Span = f.packets, f.size, f.span
	return json.NewEncoder(out).Encode(made)
}

// serve starts nginx with the bodies and gives a client's settings for it.
func (r *recording) serve(b *bench) (*tls.Config, error) {
	cert, err := b.makeCertificate()
	if err != nil {
		return nil, err
	}
	program, _, err := installed("nginx", "-v")(b)
	if err != nil {
		return nil, err
	}
	for size := 1 << 10; size <= r.Largest; size <<= 1 {
		if err := os.WriteFile(filepath.Join(b.dir, fmt.Sprint(size)), noise(size), 0o644); err != nil {
			return nil, err
		}
	}
	p, err := nginxServer(b, program, "nginx", loadCPU, originConns, fmt.Sprintf(`
  server {
    listen 127.0.0.1:80;
    listen 127.0.0.1:443 ssl;
    ssl_certificate %s;
    ssl_certificate_key %s;
    ssl_protocols TLSv1.2 TLSv1.3;
    default_type application/octet-stream;
    root %s;
    location = / { return 200 "%s"; }
  }`, cert.file, cert.key, b.dir, strings.Repeat("x", bodySize)))
	if err != nil {
		return nil, err
	}
	client, err := newClient(cert)
	if err != nil {
		return nil, err
	}
	return client.Transport.(*http.Transport).TLSClientConfig, waitFor(b.ctx, p, "https://127.0.0.1/", cert)
}

// noise is a body in which nothing repeats, the same each time.
func noise(size int) []byte {
	body := make([]byte, size)
	rand.NewChaCha8([32]byte{1}).Read(body) // never fails
	return body
}

// load makes the traffic and returns the number of exchanges.
func (r *recording) load(ctx context.Context, client *tls.Config, keys string) (int, error) {
	log, err := os.Create(keys)
	if err != nil {
		return 0, err
	}
	defer log.Close()
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	plans, exchanges := r.plan(), 0
	next := make(chan int)
	var clients sync.WaitGroup
	for range r.Parallel {
		clients.Go(func() {
			for i := range next {
				if err := r.connection(ctx, tlsOf(client, i, log), plans[i]); err != nil {
					end(err)
				}
			}
		})
	}
	for i := range plans {
		if ctx.Err() != nil {
			break
		}
		exchanges += len(plans[i])
		next <- i
	}
	close(next)
	clients.Wait()
	return exchanges, context.Cause(ctx)
}

// plan gives the sizes that each connection asks for, the same each time.
func (r *recording) plan() [][]int {
	sizes := 0
	for size := 1 << 10; size <= r.Largest; size <<= 1 {
		sizes++
	}
	plans, sum, random := make([][]int, r.Connections), 0, rand.New(rand.NewPCG(1, 2))
	for i := range plans {
		for len(plans[i]) == 0 || sum < r.Bytes/r.Connections*(i+1) {
			size := 1 << (10 + random.IntN(sizes))
			plans[i] = append(plans[i], size)
			sum += size
		}
	}
	return plans
}

// tlsOf is what the client offers on its i-th connection.
func tlsOf(base *tls.Config, i int, keys io.Writer) *tls.Config {
	c := base.Clone()
	c.KeyLogWriter = keys
	if i%2 == 0 {
		c.MinVersion = tls.VersionTLS13
		return c
	}
	c.MaxVersion = tls.VersionTLS12
	c.CipherSuites = []uint16{[...]uint16{
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256}[i/2%3]}
	return c
}

// connection asks for bodies on one connection.
func (r *recording) connection(ctx context.Context, config *tls.Config, sizes []int) error {
	transport := &http.Transport{TLSClientConfig: config, DisableCompression: true}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: time.Minute}
	scheme := "https"
	if r.Plain {
		scheme = "http"
	}
	for _, size := range sizes {
		req, err := http.NewRequestWithContext(ctx, "GET", fmt.Sprintf("%s://127.0.0.1/%d", scheme, size), nil)
		if err != nil {
			return err
		}
		req.Host = benchName
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		n, err := io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if err == nil && (resp.StatusCode != http.StatusOK || n != int64(size)) {
			err = fmt.Errorf("answer was %s with %d bytes, want %d", resp.Status, n, size)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// dump is tcpdump while it writes.
type dump struct{ *process }

func startDump(b *bench, file string) (dump, error) {
	const buffer = "524288" // KiB: what comes faster than it is written
	p, err := b.start("tcpdump", serverCPU, nil, "tcpdump", "-i", "lo", "-n", "-Z", "root", "-B", buffer, "-w", file, "tcp")
	if err != nil {
		return dump{}, err
	}
	for range 100 {
		if strings.Contains(p.lastWords(), "listening on") {
			return dump{p}, nil
		}
		if err := p.ended(); err != nil {
			return dump{}, err
		}
		time.Sleep(50 * time.Millisecond)
	}
	return dump{}, errors.New("it never listened: " + p.lastWords())
}

var nothingDropped = regexp.MustCompile(`(?m)^0 packets dropped by kernel`)

// finish waits until the file no longer grows, ends tcpdump, and returns an
// error if a packet is missing.
func (d dump) finish(file string) error {
	const block = 1500 * time.Millisecond // tcpdump gets packets once a second
	for size := int64(-1); ; time.Sleep(block) {
		info, err := os.Stat(file)
		if err != nil {
			return err
		}
		if info.Size() == size {
			break
		}
		size = info.Size()
	}
	d.stop()
	if !nothingDropped.MatchString(d.lastWords()) {
		return fmt.Errorf("capture all packets: tcpdump says %q", d.lastWords())
	}
	return nil
}
