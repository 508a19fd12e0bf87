package console

import (
	"context"
	"net/http"
	"time"
)

// KeyLog has the secrets of the door's handshakes. Its methods are called
// concurrently.
type KeyLog interface {
	// Follow calls give with whole lines in the format of SSLKEYLOGFILE, those of
	// lately at once, though there be none, then others as they come, until ctx
	// ends or give fails; those of lately even if ctx has ended.
	Follow(ctx context.Context, give func(lines []byte) error) error
}

// keyLog sends secrets until the visitor goes. From the head of the answer on,
// no handshake that begins is missed. With follow=no it sends those of lately
// and ends.
func (a *api) keyLog(w http.ResponseWriter, r *http.Request) {
	select {
	case a.streams <- struct{}{}:
		defer func() { <-a.streams }()
	default:
		fail(w, http.StatusServiceUnavailable, "too many follow the door already")
		return
	}
	ctx := r.Context()
	if r.URL.Query().Get("follow") == "no" {
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(ctx)
		cancel()
	}
	unlimited(w)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	control := http.NewResponseController(w)
	_ = a.KeyLog.Follow(ctx, func(lines []byte) error { // ends when the visitor has gone
		_ = control.SetWriteDeadline(time.Now().Add(writeTimeout))
		if _, err := w.Write(lines); err != nil {
			return err
		}
		return control.Flush()
	})
}
