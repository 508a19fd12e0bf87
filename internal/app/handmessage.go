package app

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"fanlight/internal/cert"
	"fanlight/internal/flow"
	"fanlight/internal/gateway"
)

// A hand-over is a talk of lines of JSON between the process that serves and
// the one that takes over: hello, legacy (the sockets first), ready, go,
// serving. Up to serving either can end it, and the first one goes on.

// handLimit is how long either side waits for the other; many sites take a
// while to be made.
const handLimit = 2 * time.Minute

// serveLimit is how long the one that takes over may take from go to serving:
// nobody accepts meanwhile, and what is left to do is to open files.
const serveLimit = 15 * time.Second

type handHello struct {
	PID     int    `json:"pid"`
	Version string `json:"version"`
}

// handSocket is one of the descriptors that are handed over, in their order.
type handSocket struct {
	Kind    string `json:"kind"` // listener, console, control or lock
	Addr    string `json:"addr,omitempty"`
	Name    string `json:"name,omitempty"`
	Systemd bool   `json:"systemd,omitempty"`
}

const (
	handListener = "listener"
	handConsole  = "console"
	handControl  = "control"
	handLock     = "lock"
)

// legacy is what the process that takes over goes on with.
type legacy struct {
	PID       int                         `json:"pid"`
	Refused   string                      `json:"refused,omitempty"` // nothing is handed over
	Data      string                      `json:"data"`
	Console   string                      `json:"console"`
	Sockets   []handSocket                `json:"sockets"`
	Serving   []string                    `json:"serving"` // sites
	States    map[string]string           `json:"states"`  // changed at run time
	Tickets   map[string]cert.TicketState `json:"tickets"` // by site
	Conns     flow.ConnID                 `json:"conns"`   // the last id that may have been given out
	Exchanges flow.ExchangeID             `json:"exchanges"`
	Incidents []gateway.Incident          `json:"incidents"` // newest first
}

// handStep is a step of the talk, or the reason of its end.
type handStep struct {
	Step   string `json:"step,omitempty"` // ready, go, serving
	Failed string `json:"failed,omitempty"`
}

// handTalk is one side of the talk.
type handTalk struct {
	conn *net.UnixConn
	r    *bufio.Reader
}

func (t *handTalk) say(v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_ = t.conn.SetWriteDeadline(time.Now().Add(handLimit)) // a closed one is told of by the write
	_, err = t.conn.Write(append(raw, '\n'))
	return err
}

func (t *handTalk) hear(v any, within time.Duration) error {
	_ = t.conn.SetReadDeadline(time.Now().Add(within)) // a closed one is told of by the read
	line, err := t.r.ReadBytes('\n')
	if err != nil {
		return err
	}
	return json.Unmarshal(line, v)
}

// refuse tells a process that it gets nothing.
func (t *handTalk) refuse(why string) {
	if sendFiles(t.conn, nil) == nil {
		_ = t.say(legacy{Refused: why}) // it may have gone already
	}
}

// await waits for a step of the other side.
func (t *handTalk) await(step string, within time.Duration) error {
	var got handStep
	switch err := t.hear(&got, within); {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("the other process has not said %q within %s", step, within)
	case errors.Is(err, io.EOF):
		return fmt.Errorf("the other process ended before it said %q", step)
	case errors.Is(err, net.ErrClosed):
		return fmt.Errorf("it was ended before it said %q", step)
	case err != nil:
		return fmt.Errorf("wait for the other process: %w", err)
	case got.Failed != "":
		return &otherFailed{got.Failed}
	case got.Step != step:
		return fmt.Errorf("the other process says %q, expected %q", got.Step, step)
	}
	return nil
}

// otherFailed is what the other process says of its failure.
type otherFailed struct{ why string }

func (e *otherFailed) Error() string { return e.why }

// maxHanded bounds what is taken over.
const maxHanded = 4096

func closeFiles(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}
