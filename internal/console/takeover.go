package console

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
)

// Heirs lets another process go on in the place of this one.
type Heirs interface {
	// HandOver gives a process that asked for it, over the connection, what it
	// needs. It owns the connection.
	HandOver(conn net.Conn)
	// Upgrade starts the program anew, and returns when that process has taken
	// over, or why it could not.
	Upgrade(ctx context.Context) (Upgraded, error)
}

// Upgraded is a take-over that is done.
type Upgraded struct {
	Type      string  `json:"type"`    // upgrade
	PID       int     `json:"pid"`     // of the process that serves now
	Version   string  `json:"version"` // of its program
	Before    int     `json:"before"`  // pid of the process that served before
	Exchanges int     `json:"exchanges"`
	Tunnels   int     `json:"tunnels"`
	Idle      int     `json:"idle"`
	ElapsedMS float64 `json:"elapsed_ms"`
}

// TakeOverProtocol is what the process that takes over asks to go on with.
const TakeOverProtocol = "fanlight-take-over"

func (a *api) takeOver(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Upgrade") != TakeOverProtocol {
		fail(w, http.StatusBadRequest, "expected Upgrade: "+TakeOverProtocol)
		return
	}
	unlimited(w)
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		fail(w, http.StatusNotImplemented, "take over: "+err.Error())
		return
	}
	if err := confirm(rw.Writer); err != nil {
		conn.Close()
		return
	}
	a.Heirs.HandOver(conn)
}

func confirm(w *bufio.Writer) error {
	if _, err := fmt.Fprintf(w, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", TakeOverProtocol); err != nil {
		return err
	}
	return w.Flush()
}

func (a *api) upgrade(w http.ResponseWriter, r *http.Request) {
	unlimited(w)
	done, err := a.Heirs.Upgrade(r.Context())
	if err != nil {
		failWith(w, err)
		return
	}
	answer(w, []Upgraded{done})
}
