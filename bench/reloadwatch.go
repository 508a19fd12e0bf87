package main

import (
	"bufio"
	"context"
	"crypto/sha1"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	watchClients = 4
	watchSockets = 20
	watchPerConn = 50 // requests on one connection
)

// echo joins both directions of a WebSocket.
func echo(w http.ResponseWriter, r *http.Request) {
	nc, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer nc.Close()
	// HAProxy looks at the answer to the key (RFC 6455, section 4.2.2).
	sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	fmt.Fprintf(nc, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: %s\r\n\r\n",
		base64.StdEncoding.EncodeToString(sum[:]))
	_, _ = io.Copy(nc, rw) // until one of them ends
}

// watch is clients that never try anything twice: some that make connections
// with many requests, as a browser without luck would, and some WebSockets.
type watch struct {
	r     route
	trust *tls.Config
	stop  atomic.Bool
	wg    sync.WaitGroup

	requests, failed, closed atomic.Int64
	mu                       sync.Mutex
	highest                  time.Duration
	generations              map[string]bool
}

// watched is what the clients saw.
type watched struct {
	requests, failed, closed int64
	highest                  time.Duration
	generations              int
}

func startWatch(ctx context.Context, r route) (*watch, error) {
	client, err := newClient(r.cert)
	if err != nil {
		return nil, err
	}
	w := &watch{r: r, trust: client.Transport.(*http.Transport).TLSClientConfig, generations: map[string]bool{}}
	for range watchSockets {
		c, err := w.dial(ctx)
		if err == nil {
			err = c.ask("GET / HTTP/1.1\r\nHost: "+benchName+"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", 101)
		}
		if err != nil {
			w.end()
			return nil, fmt.Errorf("open WebSocket: %w", err)
		}
		w.wg.Go(func() { w.socket(c) })
	}
	for range watchClients {
		w.wg.Go(func() {
			for !w.stop.Load() && ctx.Err() == nil {
				w.connection(ctx)
			}
		})
	}
	return w, nil
}

// end stops the clients and gives what they saw.
func (w *watch) end() watched {
	w.stop.Store(true)
	w.wg.Wait()
	return watched{w.requests.Load(), w.failed.Load(), w.closed.Load(), w.highest, len(w.generations)}
}

type watcher struct {
	*tls.Conn
	r          *bufio.Reader
	last       bool // the server said so
	generation string
}

func (w *watch) dial(ctx context.Context) (*watcher, error) {
	d := tls.Dialer{Config: w.trust}
	nc, err := d.DialContext(ctx, "tcp", w.r.listen)
	if err != nil {
		return nil, err
	}
	return &watcher{Conn: nc.(*tls.Conn), r: bufio.NewReader(nc)}, nil
}

func (c *watcher) ask(request string, status int) error {
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(c, request); err != nil {
		return err
	}
	res, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return err
	}
	if res.StatusCode != status {
		return fmt.Errorf("status %d", res.StatusCode)
	}
	c.last, c.generation = res.Close, res.Header.Get("Generation")
	if status == http.StatusSwitchingProtocols {
		return nil
	}
	_, err = io.Copy(io.Discard, res.Body)
	return err
}

// connection makes a connection and asks on it until the server, or the
// number, says that it was enough. A refused connection is a failed request.
func (w *watch) connection(ctx context.Context) {
	c, err := w.dial(ctx)
	if err != nil {
		w.requests.Add(1)
		w.failed.Add(1)
		return
	}
	defer c.Close()
	for n := 0; n < watchPerConn && !c.last && !w.stop.Load(); n++ {
		began := time.Now()
		err := c.ask("GET / HTTP/1.1\r\nHost: "+benchName+"\r\n\r\n", http.StatusOK)
		w.requests.Add(1)
		if err != nil {
			w.failed.Add(1)
			return
		}
		w.note(time.Since(began), c.generation)
		time.Sleep(2 * time.Millisecond)
	}
}

func (w *watch) note(took time.Duration, generation string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.highest = max(w.highest, took)
	w.generations[generation] = true
}

// socket says something every 20 ms and expects it back.
func (w *watch) socket(c *watcher) {
	defer c.Close()
	heard := make([]byte, 4)
	for !w.stop.Load() {
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		_, err := io.WriteString(c, "ping")
		if err == nil {
			_, err = io.ReadFull(c.r, heard)
		}
		if err != nil {
			w.closed.Add(1)
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}
