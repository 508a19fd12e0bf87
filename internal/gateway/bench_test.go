package gateway

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"

	"fanlight/internal/balance"
	"fanlight/internal/flow"
)

// nothing is a sink that keeps nothing.
type nothing struct{}

func (nothing) Take(flow.ConnID, bool, flow.Batch) {}

// answerer answers every request on a connection with 1 KB, without allocating.
func answerer(b testing.TB) net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	response := []byte("HTTP/1.1 200 OK\r\nServer: bench\r\nContent-Type: text/plain\r\nContent-Length: 1024\r\n\r\n" + strings.Repeat("x", 1024))
	go func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer nc.Close()
				buf := make([]byte, 4096)
				for {
					if n, err := nc.Read(buf); err != nil || n == 0 {
						return
					}
					if _, err := nc.Write(response); err != nil {
						return
					}
				}
			}()
		}
	}()
	b.Cleanup(func() { l.Close() })
	return l
}

func proxy1K(b *testing.B, options ...doorOption) {
	l := answerer(b)
	d := newDoor(b, options...)
	o := d.at("127.0.0.1", portOf(b, l.Addr().String()), false)
	o.MaxIdle, o.Timeouts = 10, patient()
	d.site(&Site{Name: "app", Routes: []Route{{Prefix: "/", Origins: balance.Of(o)}}}, "app.test")
	c := d.dial("app.test")
	request := []byte("GET /index.html HTTP/1.1\r\nHost: app.test\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n")
	c.r = bufio.NewReaderSize(c.Conn, 4096)
	want := len("HTTP/1.1 200 OK\r\nServer: bench\r\nContent-Type: text/plain\r\nContent-Length: 1024\r\n\r\n") + 1024
	got := make([]byte, want)
	once := func() {
		if _, err := c.Write(request); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(c.r, got); err != nil {
			b.Fatal(err)
		}
	}
	once()
	b.ReportAllocs()
	for b.Loop() {
		once()
	}
}

func discard(o *Options) { o.Recorder = flow.NewRecorder(nothing{}) }

func BenchmarkProxy1K(b *testing.B)             { proxy1K(b, discard) }
func BenchmarkProxy1KRecordingOff(b *testing.B) { proxy1K(b, recordingOff) }
