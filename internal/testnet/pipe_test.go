package testnet

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

var _ net.Conn = (*PipeConn)(nil)

func TestPipeCarriesBothWays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := Pipe()
		data := bytes.Repeat([]byte("0123456789abcdef"), 3*pipeBuffer/16)
		for _, way := range []struct{ from, to *PipeConn }{{client, server}, {server, client}} {
			go func() {
				if n, err := way.from.Write(data); n != len(data) || err != nil {
					t.Errorf("wrote %d, %v", n, err)
				}
				way.from.CloseWrite()
			}()
		}
		for _, c := range []*PipeConn{client, server} {
			if got, err := io.ReadAll(c); !bytes.Equal(got, data) || err != nil {
				t.Errorf("read %d bytes, %v", len(got), err)
			}
		}
	})
}

func TestPipeWriteDoesNotWaitForReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := Pipe()
		if _, err := client.Write(make([]byte, pipeBuffer)); err != nil {
			t.Fatal(err)
		}
		var returned bool
		go func() {
			client.Write([]byte("x"))
			returned = true
		}()
		synctest.Wait()
		if returned {
			t.Error("a full pipe took more")
		}
		server.Read(make([]byte, 1))
		synctest.Wait()
		if !returned {
			t.Error("room in the pipe did not wake the writer")
		}
	})
}

func TestPipeDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := Pipe()
		defer server.Close()
		defer client.Close()
		began := time.Now()
		client.SetReadDeadline(began.Add(time.Hour))
		if _, err := client.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != time.Hour {
			t.Errorf("read: %v after %v", err, time.Since(began))
		}
		client.SetDeadline(time.Now().Add(time.Hour))
		if n, err := client.Write(make([]byte, 2*pipeBuffer)); n != pipeBuffer || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("write: %d, %v", n, err)
		}
		// A deadline set while a read waits takes effect, and one in the past at once.
		client.SetDeadline(time.Time{})
		go func() {
			time.Sleep(time.Minute)
			client.SetReadDeadline(time.Unix(1, 0))
		}()
		began = time.Now()
		if _, err := client.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != time.Minute {
			t.Errorf("read: %v after %v", err, time.Since(began))
		}
	})
}

// ends is every way to close, as the other end meets it.
func TestPipeEnds(t *testing.T) {
	for _, test := range []struct {
		name      string
		close     func(c *PipeConn)
		wantRead  error // after "bye" was read
		wantWrite error // of the first write
		again     error // of the second
	}{
		{"close", func(c *PipeConn) { c.Close() }, io.EOF, nil, syscall.EPIPE},
		{"close write", func(c *PipeConn) { c.CloseWrite() }, io.EOF, nil, nil},
		{"reset", func(c *PipeConn) { c.SetLinger(0); c.Close() }, syscall.ECONNRESET, syscall.EPIPE, syscall.EPIPE},
	} {
		t.Run(test.name, func(t *testing.T) {
			near, far := Pipe()
			io.WriteString(far, "bye")
			test.close(far)
			readText(t, near, "bye")
			if _, err := near.Read(make([]byte, 1)); !errors.Is(err, test.wantRead) {
				t.Errorf("read: %v; want %v", err, test.wantRead)
			}
			for i, want := range []error{test.wantWrite, test.again} {
				if _, err := near.Write([]byte("x")); !errors.Is(err, want) {
					t.Errorf("write %d: %v; want %v", i+1, err, want)
				}
			}
		})
	}
}

func TestPipeCloseWithUnreadDataResets(t *testing.T) {
	near, far := Pipe()
	io.WriteString(near, "nobody reads this")
	far.Close()
	if _, err := near.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("read: %v", err)
	}
	if _, err := far.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("read of the closed end: %v", err)
	}
	if err := far.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("second close: %v", err)
	}
}

func TestPipeCloseWakesReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := Pipe()
		failed := make(chan error, 1)
		go func() {
			_, err := near.Read(make([]byte, 1))
			failed <- err
		}()
		synctest.Wait()
		near.Close()
		if err := <-failed; !errors.Is(err, net.ErrClosed) {
			t.Errorf("got %v", err)
		}
		far.Close()
	})
}
