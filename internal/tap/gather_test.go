package tap

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

// counted counts the writes of a connection, and fails them where told to.
type counted struct {
	net.Conn
	writes int
	fail   error
}

func (c *counted) Write(p []byte) (int, error) {
	c.writes++
	if c.fail != nil {
		return 0, c.fail
	}
	return c.Conn.Write(p)
}

// overTLS is a server's connection and its client, the handshake done.
func overTLS(t *testing.T) (s *Secure, below *counted, client *tls.Conn) {
	t.Helper()
	pki := newPKI(t)
	pki.server.DynamicRecordSizingDisabled = true
	near, far := loopback(t)
	below = &counted{Conn: far}
	client = tls.Client(near, pki.client)
	shaken := make(chan error, 1)
	go func() { shaken <- client.HandshakeContext(context.Background()) }()
	s, err := Server(within(t, 10*time.Second), Accepted(nil, below, true), pki.server)
	if err := errors.Join(err, <-shaken); err != nil {
		t.Fatal(err)
	}
	return s, below, client
}

func TestWriteGathered(t *testing.T) {
	for _, test := range []struct{ size, scratch, writes int }{
		{100, 64 << 10, 1},
		{16 << 10, 64 << 10, 1},
		{64<<10 - 256, 64 << 10, 1},
		{64 << 10, 64 << 10, 2},
		{200 << 10, 64 << 10, 4}, // of three records each, and half a one behind the last
		{40 << 10, 1 << 10, 3},   // no record fits
	} {
		s, below, client := overTLS(t)
		sent := bytes.Repeat([]byte("0123456789abcdef"), test.size/16+1)[:test.size]
		go func() {
			below.writes = 0
			if n, err := s.WriteGathered(sent, make([]byte, test.scratch)); n != len(sent) || err != nil {
				t.Errorf("wrote %d of %d: %v", n, len(sent), err)
			}
			if below.writes != test.writes {
				t.Errorf("%d bytes in %d writes, want %d", test.size, below.writes, test.writes)
			}
			_, _ = io.WriteString(s, "then")
			s.Close()
		}()
		got, err := io.ReadAll(client)
		if err != nil || !bytes.Equal(got, append(sent, "then"...)) {
			t.Errorf("%d bytes: read %d, %v", test.size, len(got), err)
		}
	}
}

// Behind a write that failed nothing more may leave: the peer may have a part of
// a record.
func TestNothingBehindAFailedGathering(t *testing.T) {
	s, below, _ := overTLS(t)
	below.fail = io.ErrShortWrite
	if n, err := s.WriteGathered(make([]byte, 20<<10), make([]byte, 64<<10)); n != 0 || !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("wrote %d: %v", n, err)
	}
	below.fail, below.writes = nil, 0
	if _, err := s.Write([]byte("more")); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("a further write: %v", err)
	}
	if below.writes != 0 {
		t.Error("a further write left")
	}
}
