package httpconn

import (
	"strings"
	"sync"
	"testing"
	"time"
)

// A second field block on a stream that is just ending meets the end of that
// stream, and never another exchange that its memory serves by then: it is
// refused, whoever comes first.
func TestH2HeadersAgain(t *testing.T) {
	d := newDoor()
	answer := func(x Exchange) {
		_ = x.Respond(204, "", nil, 0)
		_ = x.Finish(nil)
	}
	var many []string // that it takes time to decode
	for range 150 {
		many = append(many, "x-name", "value")
	}
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			for range 100 {
				w, done := d.wire(t, handlerFunc(answer))
				_ = w.SetDeadline(time.Now().Add(20 * time.Second))
				go func() {
					w.ask(1, true)
					w.ask(1, true, many...)
				}()
				for {
					said := w.next()
					if said == "reset 1 STREAM_CLOSED" || strings.HasPrefix(said, "goaway 1 STREAM_CLOSED") || said == "end" {
						if said == "end" {
							t.Error("a second field block was not refused")
						}
						break
					}
				}
				_ = w.Close()
				<-done
			}
		})
	}
	clients.Wait()
}
