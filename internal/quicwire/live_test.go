package quicwire

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"math/big"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/quic"
)

// datagram is one that passed a wiretap.
type datagram struct {
	dir  int
	data []byte
}

// wiretap is the client's socket, keeping what passes in order.
type wiretap struct {
	net.PacketConn
	mu     sync.Mutex
	passed []datagram
}

func (w *wiretap) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := w.PacketConn.ReadFrom(b)
	if err == nil {
		w.keep(1, b[:n])
	}
	return n, from, err
}

func (w *wiretap) WriteTo(b []byte, to net.Addr) (int, error) {
	w.keep(0, b)
	return w.PacketConn.WriteTo(b, to)
}

func (w *wiretap) keep(dir int, b []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.passed = append(w.passed, datagram{dir, bytes.Clone(b)})
}

// keyLog reads the format of SSLKEYLOGFILE.
type keyLog struct{ bytes.Buffer }

func (k *keyLog) secrets(random []byte) (s Secrets, ok bool) {
	for line := range strings.Lines(k.String()) {
		var label, client, secret string
		fmt.Sscan(line, &label, &client, &secret)
		value, err := hex.DecodeString(secret)
		if err != nil || client != hex.EncodeToString(random) {
			continue
		}
		ok = true
		switch label {
		case "CLIENT_HANDSHAKE_TRAFFIC_SECRET":
			s.ClientHandshake = value
		case "SERVER_HANDSHAKE_TRAFFIC_SECRET":
			s.ServerHandshake = value
		case "CLIENT_TRAFFIC_SECRET_0":
			s.ClientTraffic = value
		case "SERVER_TRAFFIC_SECRET_0":
			s.ServerTraffic = value
		}
	}
	return s, ok
}

func certificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"quic.example"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// serve answers one stream of one connection with answer once it was read to
// its end.
func serve(ctx context.Context, server *quic.Endpoint, answer []byte) (question []byte, err error) {
	c, err := server.Accept(ctx)
	if err != nil {
		return nil, err
	}
	s, err := c.AcceptStream(ctx)
	if err != nil {
		return nil, err
	}
	if question, err = io.ReadAll(s); err != nil {
		return nil, err
	}
	if _, err := s.Write(answer); err != nil {
		return nil, err
	}
	s.CloseWrite()
	return question, c.Wait(ctx)
}

// ask sends question on a stream, reads the answer and closes the connection
// with application error 7.
func ask(ctx context.Context, client *quic.Endpoint, address string, config *quic.Config, question []byte) ([]byte, error) {
	c, err := client.Dial(ctx, "udp", address, config)
	if err != nil {
		return nil, err
	}
	s, err := c.NewStream(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := s.Write(question); err != nil {
		return nil, err
	}
	s.CloseWrite()
	answer, err := io.ReadAll(s)
	if err != nil {
		return nil, err
	}
	c.Abort(&quic.ConnectionCloseError{Code: 7, Reason: "that was all"})
	c.Wait(ctx)
	return answer, nil
}

// conversation has a client and a server of golang.org/x/net talk.
func conversation(t *testing.T, retry bool, question, answer []byte) ([]datagram, *keyLog) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	log := &keyLog{}
	server, err := quic.Listen("udp", "127.0.0.1:0", &quic.Config{RequireAddressValidation: retry, TLSConfig: &tls.Config{
		Certificates: []tls.Certificate{certificate(t)}, NextProtos: []string{"test"}, MinVersion: tls.VersionTLS13}})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close(ctx)
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	tap := &wiretap{PacketConn: socket}
	client, err := quic.NewEndpoint(tap, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close(ctx)
	served := make(chan []byte, 1)
	go func() {
		got, _ := serve(ctx, server, answer)
		served <- got
	}()
	got, err := ask(ctx, client, server.LocalAddr().String(), &quic.Config{TLSConfig: &tls.Config{
		ServerName: "quic.example", InsecureSkipVerify: true, NextProtos: []string{"test"},
		MinVersion: tls.VersionTLS13, KeyLogWriter: log}}, question)
	if err != nil || !bytes.Equal(got, answer) {
		t.Fatalf("answer of %d bytes: %v", len(got), err)
	}
	if got := <-served; !bytes.Equal(got, question) {
		t.Fatalf("question of %d bytes", len(got))
	}
	tap.mu.Lock()
	defer tap.mu.Unlock()
	return tap.passed, log
}

// streams joins stream data by offset; ended are those whose end was seen.
func (r *recorder) streams(dir int) (data map[uint64][]byte, ended []uint64) {
	data = map[uint64][]byte{}
	for _, e := range r.events {
		if e.Kind != Stream || e.Dir != dir {
			continue
		}
		end := int(e.Offset) + len(e.Data)
		if have := data[e.Stream]; len(have) < end {
			data[e.Stream] = append(have, make([]byte, end-len(have))...)
		}
		copy(data[e.Stream][e.Offset:], e.Data)
		if e.Fin && !slices.Contains(ended, e.Stream) {
			ended = append(ended, e.Stream)
		}
	}
	return data, ended
}

func TestConversationWithSecrets(t *testing.T) {
	for name, retry := range map[string]bool{"plain": false, "with Retry": true} {
		t.Run(name, func(t *testing.T) {
			question, answer := bytes.Repeat([]byte("question "), 60000), bytes.Repeat([]byte("answer "), 80000)
			passed, log := conversation(t, retry, question, answer)
			c, got := New(), &recorder{}
			c.Secrets = log.secrets
			for _, d := range passed {
				c.Datagram(d.dir, d.data, got.emit)
			}
			if c.WhyNot() != "" {
				t.Error(c.WhyNot())
			}
			for dir, want := range [][]byte{question, answer} {
				data, ended := got.streams(dir)
				if len(data) != 1 || !bytes.Equal(data[0], want) || !slices.Equal(ended, []uint64{0}) {
					t.Errorf("streams of %d: %v, ended %v", dir, slices.Collect(maps.Keys(data)), ended)
				}
				if n := c.Counts(dir); n.Packets != n.Opened || n.Unknown != 0 || n.CryptoLost != 0 {
					t.Errorf("counts of %d: %+v", dir, n)
				}
				if c.data[dir].previous == nil {
					t.Errorf("keys of %d were never updated in %d packets", dir, c.Counts(dir).Packets[OneRTT])
				}
			}
			kinds := got.kinds()
			if kinds[0] != Began || slices.Contains(kinds, Retry) != retry || slices.Contains(kinds[1:], Began) {
				t.Errorf("events %v", kinds[:min(len(kinds), 10)])
			}
			if hello := got.tls[0][Initial]; !bytes.Contains(hello, []byte("quic.example")) || int(hello[3])+int(hello[2])<<8+4 != len(hello) {
				t.Errorf("ClientHello %x", hello)
			}
			if flight := got.tls[1][Handshake]; len(flight) == 0 || flight[0] != 8 {
				t.Errorf("server's flight does not begin with EncryptedExtensions: %x", flight[:min(8, len(flight))])
			}
			closes := slices.DeleteFunc(got.events, func(e Event) bool { return e.Kind != Close })
			if len(closes) == 0 || closes[0].Dir != 0 || closes[0].Code != 7 || !closes[0].App || closes[0].Reason != "that was all" {
				t.Errorf("closes %+v", closes)
			}
		})
	}
}

func TestConversationWithoutSecrets(t *testing.T) {
	passed, log := conversation(t, false, []byte("question"), []byte("answer"))
	for name, test := range map[string]struct {
		secrets func([]byte) (Secrets, bool)
		skip    int
		want    string
	}{
		"none":           {nil, 0, "no secret for this client random"},
		"of another":     {func([]byte) (Secrets, bool) { return Secrets{}, false }, 0, "no secret for this client random"},
		"wrong":          {wrongSecrets, 0, "packets do not open with the keys: damaged, cut short, or wrong secrets"},
		"late":           {log.secrets, len(passed) - 1, "the capture began after the handshake"},
		"no ClientHello": {log.secrets, 1, "the client's first Initial packet is not in the capture"},
	} {
		t.Run(name, func(t *testing.T) {
			c, got := New(), &recorder{}
			c.Secrets = test.secrets
			for _, d := range passed[test.skip:] {
				c.Datagram(d.dir, d.data, got.emit)
			}
			if c.WhyNot() != test.want {
				t.Errorf("%q, want %q", c.WhyNot(), test.want)
			}
			for dir := range 2 {
				if n := c.Counts(dir); n.Opened[OneRTT]+n.Opened[Handshake] != 0 || n.Packets[OneRTT] == 0 && test.skip == 0 {
					t.Errorf("counts %+v", n)
				}
			}
			if test.skip == 0 && !slices.Equal(got.kinds()[:3], []Kind{Began, Crypto, Crypto}) {
				t.Errorf("events %v", got.kinds())
			}
		})
	}
}

func wrongSecrets([]byte) (Secrets, bool) {
	s := make([]byte, 32)
	return Secrets{s, s, s, s}, true
}

// TestPortsUsedAgain has two connections pass between the same ports.
func TestPortsUsedAgain(t *testing.T) {
	c, got := New(), &recorder{}
	for range 2 {
		passed, log := conversation(t, false, []byte("question"), []byte("answer"))
		c.Secrets = log.secrets
		got.events = nil
		for _, d := range passed {
			c.Datagram(d.dir, d.data, got.emit)
		}
		if data, _ := got.streams(1); got.events[0].Kind != Began || string(data[0]) != "answer" || c.WhyNot() != "" {
			t.Errorf("events %v, streams %q, %s", got.kinds(), data[0], c.WhyNot())
		}
	}
}

// TestDatagramKeepsNothing changes each datagram after it was read, and sees
// that it was left alone.
func TestDatagramKeepsNothing(t *testing.T) {
	passed, log := conversation(t, false, []byte("question"), []byte("answer"))
	c, got := New(), &recorder{}
	c.Secrets = log.secrets
	for _, d := range passed {
		before := bytes.Clone(d.data)
		c.Datagram(d.dir, d.data, got.emit)
		if !bytes.Equal(d.data, before) {
			t.Fatal("a datagram was changed")
		}
		clear(d.data)
	}
	if data, _ := got.streams(1); string(data[0]) != "answer" {
		t.Errorf("streams %q", data[0])
	}
}

func TestOpeningDoesNotAllocate(t *testing.T) {
	passed, log := conversation(t, false, make([]byte, 100000), make([]byte, 100000))
	c := New()
	c.Secrets = log.secrets
	i, bytesSeen := 0, 0
	emit := func(e *Event) { bytesSeen += len(e.Data) }
	const setUp = 40
	for ; i < setUp; i++ {
		c.Datagram(passed[i].dir, passed[i].data, emit)
	}
	if n := testing.AllocsPerRun(30, func() {
		c.Datagram(passed[i].dir, passed[i].data, emit)
		i++
	}); n > 0 {
		t.Errorf("%.1f allocations for a datagram", n)
	}
}
