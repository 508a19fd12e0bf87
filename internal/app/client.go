package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
)

// Client talks to a running door over its control socket.
type Client struct {
	socket string
	http   http.Client
}

// ErrNoDoor says that no door answers on the socket.
var ErrNoDoor = errors.New("no running door")

// NewClient makes a client of the door with that control socket. It does not
// connect.
func NewClient(socket string) *Client {
	return &Client{socket: socket, http: http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			nc, err := d.DialContext(ctx, "unix", socket)
			if err != nil {
				return nil, fmt.Errorf("%w answers on %s: %w", ErrNoDoor, socket, err)
			}
			return nc, nil
		},
	}}}
}

// Get asks for a document of the API and decodes its items into out, a pointer
// to a slice. The error is a *Refused if the door does not grant it.
func (c *Client) Get(ctx context.Context, path string, out any) error {
	return c.do(ctx, http.MethodGet, path, nil, out)
}

// Change sends a change and decodes the items of the answer. The error is a
// *Refused if the door does not make it.
func (c *Client) Change(ctx context.Context, method, path string, body, out any) error {
	return c.do(ctx, method, path, body, out)
}

const maxAnswer = 64 << 20

func (c *Client) do(ctx context.Context, method, path string, body, out any) error {
	res, err := c.send(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("read the door's answer: %w", err)
	}
	return decodeAnswer(res.StatusCode, raw, out)
}

func (c *Client) send(ctx context.Context, method, path string, body any) (*http.Response, error) {
	var send io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("ask the door: %w", err)
		}
		send = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://door"+path, send)
	if err != nil {
		return nil, fmt.Errorf("ask the door: %w", err)
	}
	res, err := c.http.Do(req)
	var urlErr *url.Error
	if errors.As(err, &urlErr) {
		err = urlErr.Err
	}
	return res, err
}

// Refused is a request that the running door answered, but did not grant.
type Refused struct {
	Status  int    // of HTTP
	Kind    string // a console.RefusalKind; empty: not a change
	Message string
	WaysOut []string
	Faults  []json.RawMessage // console.Fault, of a configuration
}

func (r *Refused) Error() string { return r.Message }

func decodeAnswer(status int, raw []byte, out any) error {
	var doc struct {
		Error   string            `json:"error"`
		Kind    string            `json:"kind"`
		WaysOut []string          `json:"ways_out"`
		Faults  []json.RawMessage `json:"faults"`
		Items   json.RawMessage   `json:"items"`
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		return fmt.Errorf("read the door's answer (status %d): %w", status, err)
	}
	if doc.Error != "" {
		return &Refused{status, doc.Kind, doc.Error, doc.WaysOut, doc.Faults}
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(doc.Items, out); err != nil {
		return fmt.Errorf("read the door's answer: %w", err)
	}
	return nil
}
